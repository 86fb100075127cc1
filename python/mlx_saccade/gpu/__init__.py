"""GPU kernels with the same bits as the CPU core. MLX compiles their text at run time, for Metal or CUDA."""
