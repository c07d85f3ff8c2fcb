// gantry completion: shell completion, made from the verbs and options themselves so that it cannot
// fall behind.
#include "base/error.h"
#include "cli/face.h"

namespace gantry::cli {
namespace {

struct VerbWords {
  std::string verb, description;
  std::vector<std::string> words;
};

std::vector<std::string> options_of(const CLI::App* app) {
  std::vector<std::string> words;
  for (const auto* option : app->get_options())
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  return words;
}

std::vector<VerbWords> verbs_of(const CLI::App& app) {
  std::vector<VerbWords> verbs;
  auto shared = options_of(&app);
  for (const auto* sub : app.get_subcommands({})) {
    VerbWords verb{sub->get_name(), sub->get_description(), options_of(sub)};
    for (const auto* inner : sub->get_subcommands({})) verb.words.push_back(inner->get_name());
    verb.words.insert(verb.words.end(), shared.begin(), shared.end());
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string bash(const std::vector<VerbWords>& verbs) {
  std::string names, cases;
  for (const auto& verb : verbs) {
    names += (names.empty() ? "" : " ") + verb.verb;
    cases += "    " + verb.verb + ") words='" + join(verb.words) + "' ;;\n";
  }
  return "# bash completion for gantry\n"
         "_gantry() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} words='" +
         names +
         "' verb= i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in -*) ;; *) verb=${COMP_WORDS[i]}; break ;; esac\n"
         "  done\n"
         "  case $verb in\n" +
         cases +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -o default -F _gantry gantry\n";
}

std::string zsh(const std::vector<VerbWords>& verbs) {
  std::string names, cases;
  for (const auto& verb : verbs) {
    names += "    '" + verb.verb + "'\n";
    cases += "    " + verb.verb + ") compadd -- " + join(verb.words) + "; _files ;;\n";
  }
  return "#compdef gantry\n"
         "_gantry() {\n"
         "  local -a verbs=(\n" +
         names +
         "  )\n"
         "  if (( CURRENT == 2 )); then compadd -- $verbs; return; fi\n"
         "  case ${words[2]} in\n" +
         cases +
         "  esac\n"
         "}\n"
         "_gantry \"$@\"\n";
}

std::string fish(const std::vector<VerbWords>& verbs) {
  std::string out = "# fish completion for gantry\n";
  for (const auto& verb : verbs) {
    out += "complete -c gantry -n __fish_use_subcommand -a " + verb.verb + "\n";
    for (const auto& word : verb.words)
      out += "complete -c gantry -n '__fish_seen_subcommand_from " + verb.verb + "' " +
             (word.rfind("--", 0) == 0 ? "-l " + word.substr(2) : "-a " + word) + "\n";
  }
  return out;
}

}  // namespace

void add_completion(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("completion", "Shell completion for bash, zsh or fish");
  auto shell = std::make_shared<std::string>();
  verb->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer(
      "Example: gantry completion bash > ~/.local/share/bash-completion/completions/gantry");
  verb->callback([&app, &face, shell] {
    auto verbs = verbs_of(app);
    std::string script = *shell == "bash"  ? bash(verbs)
                         : *shell == "zsh" ? zsh(verbs)
                                           : fish(verbs);
    face.result({{"shell", *shell}, {"script", script}}, script);
  });
}

}  // namespace gantry::cli
