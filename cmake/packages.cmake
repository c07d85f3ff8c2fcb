# Everything Gantry stands on, all from Debian (see ./run for the package names).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
find_package(EXPAT REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Boost 1.74 REQUIRED)  # headers only: Boost.Math, for stats/distributions.cc
if(NOT GANTRY_FUZZ)
  find_package(OpenMP REQUIRED)
  # Not find_package(dnnl): Debian's package file also demands OpenCL's development files, which nothing here uses.
  find_library(DNNL_LIBRARY dnnl REQUIRED)
  find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
endif()
find_library(MECAB_LIBRARY mecab REQUIRED)

add_library(gantry_options INTERFACE)
target_compile_options(gantry_options INTERFACE -Wall -Wextra -Wno-missing-field-initializers
                                                $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                                                $<$<BOOL:${CMAKE_UNITY_BUILD}>:-Wno-subobject-linkage>
                                                -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(NOT GANTRY_FUZZ)
  target_link_libraries(gantry_options INTERFACE OpenMP::OpenMP_CXX)
endif()
target_link_libraries(gantry_options INTERFACE Threads::Threads)
