// gantry init: a new study.
#include "cli/study_verbs.h"

namespace gantry::cli {

void add_init(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("init", "Make a study: a folder with a commented study.toml");
  auto folder = std::make_shared<std::string>();
  auto task = std::make_shared<std::string>("bone-metastasis");
  auto words = std::make_shared<std::vector<std::string>>();
  verb->add_option("folder", *folder, "The study's folder; only its owner can read it")->required();
  verb->add_option("--task", *task, "A task of the program, or the path of a task file")
      ->capture_default_str();
  verb->add_option("settings", *words, "key=value, written into study.toml");
  verb->footer("Example: gantry init s --task bone-metastasis");
  verb->callback([&face, folder, task, words] {
    Study study = Study::create(*folder, *task, only_overrides(*words));
    face.say("made " + study.settings_path().string() + " (" + study.task().title +
             ")\nnext: gantry import --study " + *folder + " FILE...");
    face.result({{"study", study.folder().string()},
                 {"settings", study.settings_path().string()},
                 {"task", study.task().name}},
                "");
  });
}

}  // namespace gantry::cli
