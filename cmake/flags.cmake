# Flags that every target of ours gets. The numeric ones are part of the
# promise of equal bytes: nothing is contracted into fused operations, and
# sqrt needs no errno, so it is one instruction and not a call into libm.
# The tests include the inline functions of core, so they get them as well.
function(modulon_common target)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
    target_compile_options(${target} PRIVATE
        -ffp-contract=off -fno-math-errno -fno-trapping-math
        -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
        $<$<BOOL:${MODULON_WERROR}>:-Werror>
        ${MODULON_MARCH})
    # In ISO mode GCC for s390 evaluates float expressions in double, by an old
    # ABI habit; core asserts that it does not. "fast" means: as the hardware does.
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "s390x" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${target} PRIVATE -fexcess-precision=fast)
    endif()
endfunction()
