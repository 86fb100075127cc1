// Prelude: OpenCL C 1.2.
#define READS(type) __global const type*
#define WRITES(type) __global type*
#define SHARED(type) __local type*
#define FUNCTION(result) result
#define KERNEL(name) void name
#define END_KERNEL
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)
