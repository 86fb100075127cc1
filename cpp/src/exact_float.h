// Include last, before code whose floating-point results must be the same everywhere.
// A product and a sum fused into one rounding would change them. Clang is told here, because a Swift package cannot
// pass -ffp-contract=off to it; gcc knows no such pragma and is told by CMake.
#pragma once

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
