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
endfunction()
