// A PEFT adapter folder: adapter_config.json up to the first zero byte, adapter_model.safetensors
// behind it. Any bytes are an Error, or an adapter whose matrices have the sizes they say.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "weights/decoder_adapter.h"

namespace {

namespace fs = std::filesystem;

// A folder of this process, gone when it ends.
struct Folder {
  fs::path path = fs::temp_directory_path() / "gantry-adapter-fuzz-XXXXXX";
  Folder() {
    std::string name = path.string();
    if (!mkdtemp(name.data())) std::abort();
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  static const Folder folder;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(bytes.find('\0'), size);
  std::ofstream(folder.path / "adapter_config.json") << bytes.substr(0, cut);
  std::ofstream(folder.path / "adapter_model.safetensors", std::ios::binary)
      << bytes.substr(std::min(cut + 1, size));
  try {
    const PeftAdapter adapter = read_decoder_adapter(folder.path).lora;
    for (const LoraModule& m : adapter.modules) {
      if (m.rank < 1 || m.a.size() != static_cast<size_t>(m.rank * m.in) ||
          m.b.size() != static_cast<size_t>(m.rank * m.out))
        std::abort();
      adapter.scale_of(m);
    }
  } catch (const Error&) {
  }
  return 0;
}
