// gantry: the program. Verbs are in the files beside this one.
#include <csignal>
#include <cstdio>
#include <iostream>

#include "base/error.h"
#include "base/threads.h"
#include "base/version.h"
#include "cli/face.h"

namespace {

void on_interrupt(int) {
  // A second Ctrl-C ends the program at once: what is on disk is whole at every instant.
  if (gantry::interrupted().exchange(true)) std::_Exit(130);
}

int show(gantry::cli::Face& face, const std::string& code, const std::string& message,
         const std::string& remedy, int exit_code) {
  if (face.json)
    std::cout << nlohmann::json{{"error",
                                 {{"code", code}, {"message", message}, {"remedy", remedy}}}}
                     .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  std::fprintf(stderr, "\ngantry: %s: %s\n", code.c_str(), message.c_str());
  if (!remedy.empty()) std::fprintf(stderr, "        %s\n", remedy.c_str());
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace gantry;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::signal(SIGPIPE, SIG_IGN);

  cli::Face face;
  CLI::App app{"Gantry: a hospital's oncology texts into a tested, locally run language model."};
  app.name("gantry");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", std::string("gantry ") + version());
  app.add_flag("--json", face.json, "One JSON object on stdout");
  app.add_option("--study", face.study, "The study's folder (default: the one you stand in)");
  app.add_option("--threads", face.threads, "Threads to use (default: all cores)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--quiet", face.quiet, "No progress and no remarks");
  app.footer(
      "Each verb has its own --help with an example.\n"
      "First study: gantry init s --task bone-metastasis; gantry import --study s reports.csv; "
      "gantry train --study s; gantry test --study s");
  app.parse_complete_callback([&] {
    if (face.threads > 0) set_thread_count(face.threads);
  });

  cli::add_init(app, face);
  cli::add_import(app, face);
  cli::add_records(app, face);
  cli::add_cohort(app, face);
  cli::add_split(app, face);
  cli::add_train(app, face);
  cli::add_test(app, face);
  cli::add_predict(app, face);
  cli::add_report(app, face);
  cli::add_readings(app, face);
  cli::add_ratings(app, face);
  cli::add_compare(app, face);
  cli::add_model(app, face);
  cli::add_generate(app, face);
  cli::add_chat(app, face);
  cli::add_codes(app, face);
  cli::add_status(app, face);
  cli::add_doctor(app, face);
  cli::add_version(app, face);
  cli::add_completion(app, face);

  try {
    app.parse(argc, argv);
    return face.exit_code;
  } catch (const CLI::ParseError& error) {
    int code = app.exit(error);
    return code == 0 ? 0 : 2;
  } catch (const Error& error) {
    return show(face, error.code(), error.message(), error.remedy(),
                error.code() == "E0104" ? 130 : 1);
  } catch (const std::bad_alloc&) {
    return show(face, "E0105", "out of memory",
                "Close other programs, or lower train.batch_reports; `gantry doctor` shows the "
                "memory there is.",
                1);
  } catch (const std::exception& error) {
    return show(face, "E0100", error.what(),
                "This is a fault in Gantry: please report it with the command.", 1);
  }
}
