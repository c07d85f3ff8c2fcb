// The plots of the report, drawn by gnuplot as SVG. Each returns the SVG, or "" when gnuplot is not
// on this machine: the tables beside them hold the same figures.
#pragma once

#include <string>

#include "report/test_report.h"

namespace gantry {

std::string confusion_matrix_svg(const ConfusionMatrix& matrix,
                                 const std::vector<std::string>& labels);
std::string reliability_svg(const std::vector<ReliabilityBin>& bins, int64_t n);
std::string risk_coverage_svg(const std::vector<RiskCoveragePoint>& curve,
                              const AbstentionThreshold& threshold);
std::string training_curves_svg(const std::vector<RestartCurve>& restarts);
bool plots_available();

}  // namespace gantry
