#include "report/gnuplot.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "report/html.h"
#include "weights/child_process.h"

namespace gantry {
namespace {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "gantry-plot-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw Error("E0102", name + ": no temporary folder can be made", "Free some disk space.");
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

constexpr const char* kStyle =
    "set border lc rgb '#555566'\nset tics textcolor rgb '#222233'\nset key textcolor rgb "
    "'#222233'\nset grid lc rgb '#dde3ea' lt 1\n";

std::string named(std::string svg, const std::string& title) {
  const std::string standing = "<title>Gnuplot</title>";
  size_t at = svg.find(standing);
  if (at != std::string::npos)
    svg.replace(at, standing.size(), "<title>" + escape_html(title) + "</title>");
  return svg;
}

}  // namespace

std::string draw_with_gnuplot(const GnuplotScript& script) {
  ScratchFolder scratch;
  auto svg = scratch.path() / "plot.svg", file = scratch.path() / "plot.gp";
  std::string name;
  for (char c : script.name) name += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
  write_file_atomically(
      file, "set encoding utf8\nset terminal svg size " + std::to_string(script.width) + "," +
                std::to_string(script.height) +
                " dynamic enhanced font 'sans-serif,13' background '#ffffff' name 'p_" + name +
                "'\nset output '" + svg.string() + "'\n" + kStyle + script.commands +
                "\nset output\n");
  ChildResult result = run_program({"gnuplot", file.string()});
  if (!result.started) return {};
  if (result.exit_code != 0)
    throw Error(
        "E0802",
        "gnuplot could not draw the plot " + script.name + ": " + result.output.substr(0, 300),
        "Check gnuplot's installation (`gantry doctor`).");
  std::string text = read_file(svg);
  size_t begin = text.find("<svg");
  return begin == std::string::npos ? std::string() : named(text.substr(begin), script.title);
}

bool gnuplot_available() { return run_program({"gnuplot", "--version"}).started; }

std::string gnuplot_quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    if (std::string_view("_^@&~{}").find(c) != std::string_view::npos) out += "\\\\";
    out += c;
  }
  return out + "\"";
}

}  // namespace gantry
