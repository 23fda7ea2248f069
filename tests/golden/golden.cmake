# The same cases, compiled by check.sh with other compilers and flags, against
# tests/golden/digests.txt. Off x86-64 they run under qemu-user (label cross).
if(NOT MODULON_INSTRUMENTED AND CMAKE_BUILD_TYPE STREQUAL "Release" AND EXISTS ${PROJECT_SOURCE_DIR}/tests/golden/golden.c)
    set(golden ${PROJECT_SOURCE_DIR}/tests/golden/check.sh)
    foreach(compiler gcc clang)
        modulon_test(golden.${compiler}-O0 golden "" ${golden} ${compiler} -O0)
        modulon_test(golden.${compiler}-O2 golden "" ${golden} ${compiler} -O2)
        modulon_test(golden.${compiler}-O3-native golden "" ${golden} ${compiler} -O3 -march=native)
    endforeach()
    modulon_test(golden.aarch64 cross "RUNNER=qemu-aarch64" ${golden} aarch64-linux-gnu-gcc -O2 -static)
    modulon_test(golden.s390x cross "RUNNER=qemu-s390x" ${golden} s390x-linux-gnu-gcc -O2 -static)
    if(MODULON_NIGHTLY) # every path of that machine against the portable one, over the same sampled networks as here
        modulon_test(golden.aarch64_paths cross "RUNNER=qemu-aarch64;TESTS=test_kernel_paths test_lanes"
            ${golden} aarch64-linux-gnu-gcc -O2 -static)
        set_tests_properties(golden.aarch64_paths PROPERTIES TIMEOUT 7200)
    endif()
    # Emulated, so slower.
    set_tests_properties(golden.aarch64 golden.s390x PROPERTIES TIMEOUT 600)
endif()
