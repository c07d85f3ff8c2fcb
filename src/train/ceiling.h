// The machine's ceiling: how fast its matrix products are, to say what share of it a run reaches.
#pragma once

namespace gantry {

// Floating-point operations a second of y = x W^T at [512, 768] x [768, 3072], forward, the best of
// the repetitions that fit in about 0.2 s. Measured once a process for each precision.
double matmul_peak(bool bf16);

}  // namespace gantry
