# Fleets of real processes on loopback: tests/fleet/*.sh, and the programs that they need, tests/fleet/*.c.
if(NOT TARGET modulon)
    return()
endif()

file(GLOB fleet_sources CONFIGURE_DEPENDS tests/fleet/*.c)
foreach(source ${fleet_sources})
    get_filename_component(stem ${source} NAME_WE)
    add_executable(fleet_${stem} ${source})
    set_target_properties(fleet_${stem} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/fleet OUTPUT_NAME ${stem})
    target_link_libraries(fleet_${stem} PRIVATE modulon_worker modulon_runtime m)
    target_compile_definitions(fleet_${stem} PRIVATE _POSIX_C_SOURCE=200809L)
    modulon_common(fleet_${stem})
endforeach()

file(GLOB fleet_tests CONFIGURE_DEPENDS tests/fleet/*.sh)
foreach(script ${fleet_tests})
    get_filename_component(stem ${script} NAME_WE)
    modulon_test(fleet.${stem} fleet
        "MODULON=$<TARGET_FILE:modulon>;FLEET=${PROJECT_BINARY_DIR}/tests/fleet"
        ${PROJECT_SOURCE_DIR}/cmake/cli_test.sh ${script})
endforeach()
