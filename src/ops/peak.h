// The matrix ceiling of this machine, measured: what percentages of speed are percentages of.
#pragma once

namespace gantry {

// Floating-point operations a second of all threads in use together when they do nothing but
// multiply-adds in registers, in the instruction set in use: the faster of fp32 FMA and, for
// bf16 = true, vdpbf16ps. Takes about 20 ms; measured once for each argument and then remembered.
double matrix_peak(bool bf16);

// Timed once more; the larger of the two figures, which matrix_peak() gives from then on. A first
// time that was taken while the machine was busy is so put right at the end of a long run.
double matrix_peak_again(bool bf16);

}  // namespace gantry
