# CMake toolchain: macOS from any machine, with PyPI's ziglang: clang, headers of libc++ and macOS, a linker for Mach-O
# that signs, and the names in libSystem. Environment: ZIG, the binary; MACOSX_DEPLOYMENT_TARGET, the least macOS;
# MACOS_CPU, arm64 (the default) or x86_64.
if(NOT DEFINED ENV{ZIG} OR NOT DEFINED ENV{MACOSX_DEPLOYMENT_TARGET})
  message(FATAL_ERROR "set ZIG and MACOSX_DEPLOYMENT_TARGET")
endif()
set(CMAKE_SYSTEM_NAME Darwin)
if("$ENV{MACOS_CPU}" STREQUAL "x86_64")
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
  set(target x86_64-macos.$ENV{MACOSX_DEPLOYMENT_TARGET})
else()
  set(CMAKE_SYSTEM_PROCESSOR arm64)
  set(target aarch64-macos.$ENV{MACOSX_DEPLOYMENT_TARGET})
endif()
set(zig ${CMAKE_CURRENT_LIST_DIR}/zig.sh $ENV{ZIG})
set(CMAKE_C_COMPILER ${zig} cc -target ${target})
set(CMAKE_CXX_COMPILER ${zig} c++ -target ${target})
set(CMAKE_STRIP "")  # the linker strips and signs
# A linker for Mach-O does not read GNU ar's archives.
foreach(language C CXX)
  set(CMAKE_${language}_ARCHIVE_CREATE "$ENV{ZIG} ar qcs <TARGET> <OBJECTS>")
  set(CMAKE_${language}_ARCHIVE_APPEND "$ENV{ZIG} ar qs <TARGET> <OBJECTS>")
  set(CMAKE_${language}_ARCHIVE_FINISH "")
endforeach()
