# Every tests/fuzz/NAME.c but driver.c defines LLVMFuzzerTestOneInput. In the
# fuzz preset it is a libFuzzer program; elsewhere driver.c replays its corpus
# and every tests/bad_*/ directory (any decoder must survive any bytes).
file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/*.c)
list(FILTER fuzz_sources EXCLUDE REGEX "/driver\\.c$")
file(GLOB bad_inputs CONFIGURE_DEPENDS LIST_DIRECTORIES true tests/bad_*)
if(MODULON_FUZZ)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    # libFuzzer guesses values from the integer comparisons that it traces. Where these are loop bounds and digits
    # they teach it nothing, and cost more than the work itself. Decoders of core keep them.
    file(GLOB untraced CONFIGURE_DEPENDS core/*.c)
    list(FILTER untraced EXCLUDE REGEX "/(life|modulat[^/]*|[^/]*_state|neuraxon_v1)\\.c$")
    list(APPEND untraced protocol/base64.c protocol/digest.c protocol/note.c protocol/scan.c protocol/text_scan.c)
    set_property(SOURCE ${untraced} APPEND PROPERTY COMPILE_OPTIONS -fno-sanitize-coverage=trace-cmp)
    # Vector kernels are a thousand inlined loads of 16 lanes. UBSan's four checks of each pointer took clang eight times
    # as long as all the rest; AddressSanitizer stays and sees what of this matters.
    file(GLOB vectors CONFIGURE_DEPENDS core/*_vec.c)
    set_property(SOURCE ${vectors} APPEND PROPERTY COMPILE_OPTIONS
        -fno-sanitize=alignment,null,object-size,pointer-overflow)
endif()
foreach(source ${fuzz_sources})
    get_filename_component(stem ${source} NAME_WE)
    set(program fuzz_target_${stem})
    add_executable(${program} ${source})
    set_target_properties(${program} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/fuzz OUTPUT_NAME ${stem})
    target_link_libraries(${program} PRIVATE modulon_coordinator modulon_protocol modulon_core)
    if(stem MATCHES "^fuzz_(worker|ledger)$") # tests/fuzz/known_experiments.h
        target_link_options(${program} PRIVATE -Wl,--wrap=mdl_experiment_parse)
    endif()
    if(stem STREQUAL "fuzz_worker") # its coordinator is that of the worker's tests
        target_link_libraries(${program} PRIVATE modulon_worker PkgConfig::CMOCKA)
    endif()
    if(stem STREQUAL "fuzz_lines")
        target_link_libraries(${program} PRIVATE modulon_worker)
    endif()
    if(stem STREQUAL "fuzz_files") # two of its readers belong to the program
        target_sources(${program} PRIVATE cli/inputs.c cli/session_file.c)
        target_link_libraries(${program} PRIVATE m)
    endif()
    target_compile_definitions(${program} PRIVATE _POSIX_C_SOURCE=200809L)
    modulon_common(${program})
    if(MODULON_FUZZ)
        target_link_options(${program} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${program} PRIVATE tests/fuzz/driver.c)
        modulon_test(fuzz.${stem} fuzz "" ${program} tests/fuzz/corpus/${stem} ${bad_inputs})
    endif()
endforeach()
