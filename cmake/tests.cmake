# Tests. Every file is one program and one ctest; labels are the folders.
# docs/TESTING.md says what runs where.
if(MODULON_NIGHTLY)
    set(modulon_timeout_s 7200)
    set(modulon_test_environment MODULON_NIGHTLY=1)
else()
    # No test is meant to come near this; sanitizers are slower.
    set(modulon_timeout_s 300)
    if(MODULON_INSTRUMENTED)
        set(modulon_timeout_s 360)
    endif()
    set(modulon_test_environment "")
endif()

# ThreadSanitizer cannot see the atomic counters inside libraries built without it.
list(APPEND modulon_test_environment TSAN_OPTIONS=ignore_noninstrumented_modules=1)

# modulon_test(NAME LABEL ENVIRONMENT COMMAND...): runs at the repository root; exit status 77 is "skipped".
function(modulon_test name label environment)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES
        LABELS ${label}
        TIMEOUT ${modulon_timeout_s}
        SKIP_RETURN_CODE 77
        ENVIRONMENT "${environment};${modulon_test_environment}")
endfunction()

if(MODULON_FUZZ)
    include(tests/fuzz/fuzz.cmake)
    return()
endif()

pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
if(support_sources)
    add_library(modulon_test_support STATIC ${support_sources})
    # ledger_fixture.c uses protocol; tests of protocol link it after this library, tests of core never ask for it.
    target_link_libraries(modulon_test_support PUBLIC modulon_core PkgConfig::CMOCKA m PRIVATE PkgConfig::SODIUM)
    modulon_common(modulon_test_support)
else()
    add_library(modulon_test_support INTERFACE)
    target_link_libraries(modulon_test_support INTERFACE modulon_core PkgConfig::CMOCKA m)
endif()

foreach(layer core analysis protocol runtime store coordinator worker audit sim)
    file(GLOB tests CONFIGURE_DEPENDS tests/${layer}/*.c)
    foreach(source ${tests})
        get_filename_component(stem ${source} NAME_WE)
        set(program ${layer}_${stem})
        add_executable(${program} ${source})
        set_target_properties(${program} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/${layer} OUTPUT_NAME ${stem})
        target_link_libraries(${program} PRIVATE modulon_test_support modulon_${layer} PkgConfig::CMOCKA m)
        if(layer MATCHES "worker|audit") # tested against the whole coordinator
            target_link_libraries(${program} PRIVATE modulon_coordinator)
        endif()
        modulon_common(${program})
        if(NOT layer STREQUAL "core")
            target_compile_definitions(${program} PRIVATE _POSIX_C_SOURCE=200809L)
        endif()
        modulon_test(${layer}.${stem} ${layer} "" ${program})
    endforeach()
endforeach()

# Programs that take minutes or hours: always built, so that they do not rot; run by the nightly preset alone.
file(GLOB tests CONFIGURE_DEPENDS tests/nightly/*.c)
foreach(source ${tests})
    get_filename_component(stem ${source} NAME_WE)
    set(program nightly_${stem})
    add_executable(${program} ${source})
    set_target_properties(${program} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/nightly OUTPUT_NAME ${stem})
    target_link_libraries(${program} PRIVATE modulon_test_support modulon_core m)
    modulon_common(${program})
    if(MODULON_NIGHTLY)
        modulon_test(nightly.${stem} nightly "" ${program})
    endif()
endforeach()

# The specification read again in another language: these check the vectors in it.
find_program(MODULON_PYTHON python3)
if(MODULON_PYTHON)
    foreach(stem network modulator)
        modulon_test(core.${stem}_reference core "" ${MODULON_PYTHON} tests/core/test_${stem}_reference.py)
    endforeach()
endif()

if(TARGET modulon)
    file(GLOB cli_tests CONFIGURE_DEPENDS tests/cli/*.sh)
    foreach(script ${cli_tests})
        get_filename_component(stem ${script} NAME_WE)
        modulon_test(cli.${stem} cli "MODULON=$<TARGET_FILE:modulon>"
            ${PROJECT_SOURCE_DIR}/cmake/cli_test.sh ${script})
    endforeach()
endif()

# A thousand small fleets; nightly, more of them, mature ones and one of 100,000 workers.
if(TARGET modulon AND NOT MODULON_INSTRUMENTED)
    foreach(seeds 1..250 251..500 501..750 751..1000)
        modulon_test(sim.seeds_${seeds} sim "" modulon sim --quiet --signatures quick --adversaries 0.3
            --generations 5 --seeds ${seeds})
    endforeach()
    # Later halves of fleets that have come to know their workers.
    modulon_test(sim.mature sim "" modulon sim --quiet --signatures quick --adversaries 0.3 --workers 40
        --population 640 --generations 10 --seeds 1..3 --overhead-most 0.08)
    modulon_test(sim.attacks sim "" bash tests/sim/attacks.sh)
    if(MODULON_NIGHTLY)
        modulon_test(sim.more_seeds sim "" modulon sim --quiet --signatures quick --adversaries 0.3
            --seeds 1001..20000)
        modulon_test(sim.mature_seeds sim "" modulon sim --quiet --signatures quick --adversaries 0.3 --workers 60
            --population 960 --generations 16 --seeds 1..20 --overhead-most 0.05)
        modulon_test(sim.old sim "" modulon sim --quiet --signatures quick --adversaries 0.3 --workers 100
            --population 2000 --generations 40)
        modulon_test(sim.large sim "" modulon sim --quiet --workers 100000 --population 50000 --generations 2 --crash 0
            --churn 0 --checkers 64 --probation 2 --adversaries 0.1)
    endif()
endif()

# What an operator does, on real processes and loopback.
if(TARGET modulon)
    file(GLOB operator_tests CONFIGURE_DEPENDS tests/operator/*.sh)
    foreach(script ${operator_tests})
        get_filename_component(stem ${script} NAME_WE)
        modulon_test(operator.${stem} operator "MODULON=$<TARGET_FILE:modulon>"
            ${PROJECT_SOURCE_DIR}/cmake/cli_test.sh ${script})
    endforeach()
endif()

# Other people's programs on our formats; each skips where its tool is missing. Debian's nng has no .pc file.
find_library(NNG_LIBRARY nng)
find_path(NNG_INCLUDE nng/nng.h)
if(NNG_LIBRARY AND NNG_INCLUDE)
    add_executable(interop_nng tests/interop/nng.c)
    set_target_properties(interop_nng PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/interop OUTPUT_NAME nng)
    target_link_libraries(interop_nng PRIVATE modulon_runtime PkgConfig::CMOCKA ${NNG_LIBRARY})
    target_compile_definitions(interop_nng PRIVATE _POSIX_C_SOURCE=200809L)
    modulon_common(interop_nng)
endif()
file(GLOB interop_tests CONFIGURE_DEPENDS tests/interop/*.sh)
foreach(script ${interop_tests})
    get_filename_component(stem ${script} NAME_WE)
    modulon_test(interop.${stem} interop
        "INTEROP=${PROJECT_BINARY_DIR}/tests/interop;MODULON=${PROJECT_BINARY_DIR}/modulon"
        ${PROJECT_SOURCE_DIR}/cmake/cli_test.sh ${script})
endforeach()

# The installed layout, units, manual page and image. rootfs.sh and boot.sh take minutes: nightly.
if(TARGET modulon)
    file(GLOB deploy_tests CONFIGURE_DEPENDS tests/deploy/*.sh)
    foreach(script ${deploy_tests})
        get_filename_component(stem ${script} NAME_WE)
        if(MODULON_NIGHTLY OR NOT stem MATCHES "^(rootfs|boot)$")
            modulon_test(deploy.${stem} deploy "MODULON=$<TARGET_FILE:modulon>;MODULON_BUILD=${PROJECT_BINARY_DIR}"
                ${PROJECT_SOURCE_DIR}/cmake/cli_test.sh ${script})
        endif()
    endforeach()
endif()

include(tests/fuzz/fuzz.cmake)
include(tests/purity/purity.cmake)
include(tests/golden/golden.cmake)
include(tests/fleet/fleet.cmake)
