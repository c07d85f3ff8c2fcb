// report_bench bootstrap N SAMPLES   seconds for every metric of N predictions with its interval
// report_bench page N FOLDER         writes the report of N predictions (3 % of them wrong)
//
// Predictions are made up; nothing here is a result.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/random.h"
#include "report/write_report.h"

namespace {

using namespace gantry;

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

Predictions made_up(int64_t n) {
  Predictions p;
  p.classes = 3;
  Random random(1);
  for (int64_t i = 0; i < n; ++i) {
    const int truth = static_cast<int>(random.below(3));
    const int answer = random.uniform() < 0.97 ? truth : static_cast<int>(random.below(3));
    const double sure = 0.5 + 0.5 * random.uniform();
    p.truth.push_back(truth);
    p.patient.push_back(static_cast<int32_t>(i / 2));  // two reports a patient
    for (int c = 0; c < 3; ++c) p.probability.push_back(c == answer ? sure : (1 - sure) / 2);
  }
  return p;
}

int bootstrap(int64_t n, int samples) {
  const Predictions p = made_up(n);
  const auto began = std::chrono::steady_clock::now();
  const Evaluation e = evaluate(p, {.bootstrap = {.samples = samples}});
  std::printf("%lld predictions, %lld patients, %d samples: %.2f s (macro F1 %.4f, %.4f to %.4f)\n",
              static_cast<long long>(n), static_cast<long long>(e.patients), samples,
              seconds_since(began), e.macro_f1.value, e.macro_f1.lower, e.macro_f1.upper);
  return 0;
}

int page(int64_t n, const std::string& folder) {
  const Predictions p = made_up(n);
  TestReport r;
  r.title = "Benchmark of the page";
  r.run = "run-bench";
  r.synthetic = true;
  r.data_note = "Made up by report_bench.";
  r.labels = {"0", "1", "2"};
  r.bootstrap_samples = 200;
  TestedClassifier model;
  model.name = "made up";
  model.is_model = true;
  model.evaluation = evaluate(p, {.bootstrap = {.samples = 200}});
  r.classifiers = {model};
  for (size_t i = 0; i < p.truth.size(); ++i) {
    TestedCase c{.id = "R" + std::to_string(i),
                 .patient = std::to_string(p.patient[i]),
                 .source = "h" + std::to_string(i % 7),
                 .date = std::to_string(2015 + i % 8) + "-01-01",
                 .truth = p.truth[i]};
    for (int k = 0; k < 3; ++k)
      c.probability.push_back(p.probability[i * 3 + static_cast<size_t>(k)]);
    c.predicted = c.probability[0] > 0.5 ? 0 : c.probability[1] > 0.5 ? 1 : 2;
    for (int k = 0; k < 12; ++k)
      c.model_text += "第" + std::to_string(k) + "文: 明らかな骨転移を認めません。";
    c.original = c.model_text + "\n" + c.model_text;
    r.cases.push_back(std::move(c));
  }
  const auto began = std::chrono::steady_clock::now();
  write_report(r, folder);
  std::printf("%lld predictions: report written in %.1f s, report.html %.1f MB\n",
              static_cast<long long>(n), seconds_since(began),
              static_cast<double>(
                  std::filesystem::file_size(std::filesystem::path(folder) / "report.html")) /
                  1e6);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "bootstrap")
    return bootstrap(std::atoll(argv[2]), std::atoi(argv[3]));
  if (argc == 4 && std::string(argv[1]) == "page") return page(std::atoll(argv[2]), argv[3]);
  std::fprintf(stderr, "usage: report_bench bootstrap N SAMPLES | page N FOLDER\n");
  return 2;
}
