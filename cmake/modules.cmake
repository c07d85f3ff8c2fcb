# gantry_module(NAME DEPS ... LINK ...) makes the static library gantry_NAME of every *.cc in the folder, and, of
# every *_test.cc, the test program NAME_test. Files named *_avx2.cc and *_avx512.cc are compiled for that
# instruction set only and are chosen at run time, so that one binary runs on every x86-64 machine.
#
# TOGETHER: with -DCMAKE_UNITY_BUILD=ON (what ./run sets) the folder's files are compiled some at a time, which spares
# most of the time that the JSON library's templates take. Files after ALONE are compiled on their own: they have words
# of their own, in an unnamed namespace, that another file of the folder uses otherwise. Without the setting every file
# is compiled on its own, which is quicker after a small change.
function(gantry_module name)
  cmake_parse_arguments(ARG "TOGETHER" "" "DEPS;LINK;ALONE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|main|bench)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  foreach(file ${sources})
    if(file MATCHES "_avx512\\.cc$")
      set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS
        "-O3;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512bf16;-mavx512vnni;-mfma;-mf16c")
    elseif(file MATCHES "_avx2\\.cc$")
      set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "-O3;-mavx2;-mfma;-mf16c")
    endif()
  endforeach()
  if(sources)
    add_library(gantry_${name} STATIC ${sources})
    set(scope PUBLIC)
    if(ARG_TOGETHER)
      set_target_properties(gantry_${name} PROPERTIES UNITY_BUILD_BATCH_SIZE 7)
      set_source_files_properties(${ARG_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    else()
      set_target_properties(gantry_${name} PROPERTIES UNITY_BUILD OFF)
    endif()
  else()
    add_library(gantry_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(gantry_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(gantry_${name} ${scope} gantry_options)
  foreach(dep ${ARG_DEPS})
    target_link_libraries(gantry_${name} ${scope} gantry_${dep})
  endforeach()
  if(ARG_LINK)
    target_link_libraries(gantry_${name} ${scope} ${ARG_LINK})
  endif()
  if(GANTRY_TESTS AND tests)
    add_executable(${name}_test ${tests})
    set_target_properties(${name}_test PROPERTIES UNITY_BUILD OFF)
    target_link_libraries(${name}_test PRIVATE gantry_${name} GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE
      GANTRY_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
      GANTRY_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 900)
  endif()
endfunction()
