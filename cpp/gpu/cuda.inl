// Prelude: CUDA, as NVRTC compiles it.
typedef unsigned char uchar;
typedef unsigned int uint;
#define READS(type) const type* __restrict__
#define WRITES(type) type* __restrict__
#define SHARED(type) type*
#define FUNCTION(result) __device__ inline result
#define KERNEL(name) __device__ inline void name
#define END_KERNEL
#define BARRIER __syncthreads()
