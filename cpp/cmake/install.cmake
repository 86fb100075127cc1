# `cmake --install`: the header, the library, and files for pkg-config and find_package(saccade).
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/saccade)

# The libraries of a static saccade.pc. A shared library links them itself.
set(saccade_libs "")
if(NOT BUILD_SHARED_LIBS)
  foreach(library ${runtime})
    string(APPEND saccade_libs " -l${library}")
  endforeach()
  if(CMAKE_THREAD_LIBS_INIT)
    string(APPEND saccade_libs " ${CMAKE_THREAD_LIBS_INIT}")
  endif()
endif()

install(TARGETS saccade EXPORT saccadeTargets)
install(FILES cpp/include/saccade.h TYPE INCLUDE)
install(EXPORT saccadeTargets NAMESPACE saccade:: DESTINATION ${package_dir})

configure_package_config_file(cpp/cmake/saccadeConfig.cmake.in saccadeConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(saccadeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/saccadeConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/saccadeConfigVersion.cmake
  DESTINATION ${package_dir})

# Paths are relative to the file, so that an installed tree can be moved, unless they are given as absolute paths.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(saccade_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH saccade_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" saccade_pc_prefix "\${pcfiledir}/${saccade_pc_prefix}")
endif()
foreach(kind LIB INCLUDE)
  set(saccade_pc_${kind} "${CMAKE_INSTALL_${kind}DIR}")
  if(NOT IS_ABSOLUTE "${saccade_pc_${kind}}")
    string(PREPEND saccade_pc_${kind} "\${prefix}/")
  endif()
endforeach()
configure_file(cpp/cmake/saccade.pc.in saccade.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/saccade.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
