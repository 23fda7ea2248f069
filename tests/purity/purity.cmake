# Looks at the library as it is linked in release; instrumentation adds symbols of its own.
if(NOT MODULON_INSTRUMENTED AND TARGET modulon_core)
    modulon_test(purity purity "CC=${CMAKE_C_COMPILER};NM=${CMAKE_NM}"
        ${PROJECT_SOURCE_DIR}/tests/purity/check.sh $<TARGET_FILE:modulon_core>)
endif()
