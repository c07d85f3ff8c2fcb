#include "report/plots.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
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
    "'#222233'\n"
    "set grid lc rgb '#dde3ea' lt 1\n";

std::string draw(const std::string& commands, int width, int height) {
  ScratchFolder scratch;
  auto svg = scratch.path() / "plot.svg", script = scratch.path() / "plot.gp";
  write_file_atomically(
      script, "set terminal svg size " + std::to_string(width) + "," + std::to_string(height) +
                  " dynamic enhanced font 'sans-serif,13' background '#ffffff'\nset output '" +
                  svg.string() + "'\n" + kStyle + commands + "\nset output\n");
  ChildResult result = run_program({"gnuplot", script.string()});
  if (!result.started) return {};
  if (result.exit_code != 0)
    throw Error("E0802", "gnuplot could not draw a plot: " + result.output.substr(0, 300),
                "Check gnuplot's installation (`gantry doctor`).");
  std::string text = read_file(svg);
  // Inside a page the XML declaration and doctype must not stand.
  size_t begin = text.find("<svg");
  return begin == std::string::npos ? std::string() : text.substr(begin);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (std::string_view("_^@&~{}").find(c) != std::string_view::npos)
      out += "\\\\";  // enhanced text's own marks
    out += c;
  }
  return out + "\"";
}

std::string tics(const char* axis, const std::vector<std::string>& labels) {
  std::string out = std::string("set ") + axis + "tics (";
  for (size_t i = 0; i < labels.size(); ++i)
    out += (i ? ", " : "") + quoted(labels[i]) + " " + std::to_string(i);
  return out + ")\n";
}

}  // namespace

bool plots_available() { return run_program({"gnuplot", "--version"}).started; }

std::string confusion_matrix_svg(const ConfusionMatrix& matrix,
                                 const std::vector<std::string>& labels) {
  const int k = matrix.classes();
  std::string cells, texts;
  for (int t = 0; t < k; ++t)
    for (int p = 0; p < k; ++p) {
      const double row = matrix.with_truth(t), share = row > 0 ? matrix.at(t, p) / row : 0;
      cells += std::to_string(p) + " " + std::to_string(t) + " " + format_double(share, 4) + "\n";
      texts += "set label " + quoted(with_commas(static_cast<int64_t>(matrix.at(t, p)))) + " at " +
               std::to_string(p) + "," + std::to_string(t) +
               " center front font ',17' offset 0,0.4 tc rgb '" +
               (share > 0.55 ? "#ffffff" : "#1c2530") + "'\n";
      texts += "set label " +
               quoted(row > 0 ? format_double(100 * share, 1) + " % of the row" : "row empty") +
               " at " + std::to_string(p) + "," + std::to_string(t) +
               " center front font ',11' offset 0,-0.9 tc rgb '" +
               (share > 0.55 ? "#ffffff" : "#445566") + "'\n";
    }
  const std::string edge = format_double(k - 0.5, 1);
  return draw("$cells << EOD\n" + cells + "EOD\n" + texts + tics("x", labels) + tics("y", labels) +
                  "set xrange [-0.5:" + edge + "]\nset yrange [" + edge +
                  ":-0.5]\nset cbrange [0:1]\nunset colorbox\nunset key\nunset grid\n"
                  "set palette defined (0 '#f4f7fb', 1 '#1f4e79')\nset xlabel 'answered'\nset "
                  "ylabel 'reference standard'\n"
                  "plot $cells using 1:2:3 with image pixels",
              460, 400);
}

std::string reliability_svg(const std::vector<ReliabilityBin>& bins, int64_t n) {
  std::string points, bars;
  for (const auto& bin : bins) {
    if (bin.n == 0) continue;
    const auto& o = bin.observed;
    points += format_double(bin.mean_probability, 5) + " " + format_double(o.value, 5) + " " +
              format_double(o.lower, 5) + " " + format_double(o.upper, 5) + "\n";
    bars += format_double((bin.low + bin.high) / 2, 5) + " " +
            format_double(n > 0 ? static_cast<double>(bin.n) / static_cast<double>(n) : 0, 5) +
            " " + format_double((bin.high - bin.low) * 0.9, 5) + "\n";
  }
  if (points.empty()) return {};
  return draw("$points << EOD\n" + points + "EOD\n$bars << EOD\n" + bars +
                  "EOD\nset xrange [0:1]\nset yrange [0:1]\nset key top left\nset xlabel "
                  "'probability of the answer given'\n"
                  "set ylabel 'share right'\nset style fill solid 0.5 noborder\n"
                  "plot $bars using 1:2:3 with boxes lc rgb '#c9d6e4' title 'share of reports', "
                  "x with lines lc rgb '#888899' dt 2 title 'ideal', "
                  "$points using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lc rgb '#1f4e79' title "
                  "'observed (95 % interval)'",
              460, 400);
}

std::string risk_coverage_svg(const std::vector<RiskCoveragePoint>& curve,
                              const AbstentionThreshold& threshold) {
  if (curve.size() < 2) return {};
  std::string points, mark;
  double chosen_coverage = -1, chosen_risk = 0;
  for (const auto& point : curve) {
    points += format_double(point.coverage, 6) + " " + format_double(point.risk, 6) + "\n";
    if (threshold.attainable && point.threshold >= threshold.threshold) {
      chosen_coverage = point.coverage;
      chosen_risk = point.risk;
    }
  }
  std::string plot =
      "plot $curve using 1:2 with lines lw 2 lc rgb '#1f4e79' title 'error rate among answers "
      "given'";
  if (chosen_coverage >= 0) {
    mark = "$chosen << EOD\n" + format_double(chosen_coverage, 6) + " " +
           format_double(chosen_risk, 6) + "\nEOD\n";
    plot +=
        ", $chosen using 1:2 with points pt 7 ps 1.2 lc rgb '#b4442c' title 'threshold from the "
        "tuning cases'";
  }
  return draw("$curve << EOD\n" + points + "EOD\n" + mark +
                  "set xrange [0:1]\nset yrange [0:*]\nset key top left\nset xlabel 'share of "
                  "reports answered'\n"
                  "set ylabel 'error rate'\n" +
                  plot,
              460, 320);
}

std::string training_curves_svg(const std::vector<RestartCurve>& restarts) {
  std::string data, loss, score;
  size_t longest = 0;
  for (size_t r = 0; r < restarts.size(); ++r) {
    const auto& curve = restarts[r];
    longest = std::max(longest, curve.macro_f1.size());
    std::string name = "$r" + std::to_string(r);
    data += name + " << EOD\n";
    for (size_t e = 0; e < curve.macro_f1.size(); ++e)
      data += std::to_string(e + 1) + " " + format_double(curve.training_loss[e], 6) + " " +
              format_double(curve.tuning_loss[e], 6) + " " + format_double(curve.macro_f1[e], 6) +
              "\n";
    data += "EOD\n";
    const std::string width = curve.chosen ? " lw 2" : " lw 1 dt 3";
    const std::string title = r == 0 ? " title 'training'" : " notitle",
                      tuning = r == 0 ? " title 'tuning'" : " notitle";
    loss += (r ? ", " : "plot ") + name + " using 1:2 with lines lc rgb '#8a98a8'" + width + title +
            ", " + name + " using 1:3 with lines lc rgb '#1f4e79'" + width + tuning;
    score += (r ? ", " : "plot ") + name +
             " using 1:4 with linespoints pt 7 ps 0.4 lc rgb '#1f4e79'" + width +
             " title 'restart " + std::to_string(curve.restart) + "'";
  }
  if (longest < 2) return {};
  return draw(
      data + "set multiplot layout 1,2\nset xlabel 'epoch'\nset xtics 1\nset xrange [1:" +
          std::to_string(longest) + "]\nset ylabel 'loss'\nset yrange [0:*]\nset key top right\n" +
          loss +
          "\nset ylabel 'macro F1 on its tuning cases'\nset yrange [*:1]\nset key bottom right\n" +
          score + "\nunset multiplot",
      860, 320);
}

}  // namespace gantry
