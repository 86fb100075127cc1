// Forbids fused multiply-add, which rounds once instead of twice. Include last, before code whose floating-point
// results must be the same on every machine. The pragma is for clang, because a Swift package cannot pass
// -ffp-contract=off. CMake passes the flag to gcc, which has no such pragma.
#pragma once

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
