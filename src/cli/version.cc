// gantry version: which Gantry this is and what it stands on.
#include <dnnl.h>
#include <sqlite3.h>

#include "base/version.h"
#include "cli/face.h"

namespace gantry::cli {

void add_version(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("version", "Which Gantry this is and what it stands on");
  verb->footer("Example: gantry version --json");
  verb->callback([&face] {
    const auto* dnnl = dnnl_version();
    std::string onednn = std::to_string(dnnl->major) + "." + std::to_string(dnnl->minor) + "." +
                         std::to_string(dnnl->patch);
    nlohmann::json object{{"gantry", version()},
                          {"commit", commit()},
                          {"compiler", "g++ " __VERSION__},
                          {"onednn", onednn},
                          {"sqlite", sqlite3_libversion()}};
    face.result(object, std::string("gantry ") + version() + " (commit " + commit() + ", " +
                            object["compiler"].get<std::string>() + ", oneDNN " + onednn +
                            ", SQLite " + sqlite3_libversion() + ")");
  });
}

}  // namespace gantry::cli
