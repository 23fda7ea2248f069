# modulon_layer(NAME LIBS...): NAME/*.c becomes the static library modulon_NAME.
# A layer without sources yet is an empty interface to the layers below it.
function(modulon_layer name)
    file(GLOB sources CONFIGURE_DEPENDS ${name}/*.c)
    list(FILTER sources EXCLUDE REGEX "/core/[^/]*_vec\\.c$")
    if(sources)
        add_library(modulon_${name} STATIC ${sources})
        target_link_libraries(modulon_${name} PUBLIC ${ARGN})
        modulon_common(modulon_${name})
        # CLOCK_MONOTONIC, fsync, sigaction: ISO C mode hides them. core needs none.
        if(NOT name STREQUAL "core")
            target_compile_definitions(modulon_${name} PRIVATE _POSIX_C_SOURCE=200809L)
        endif()
    else()
        add_library(modulon_${name} INTERFACE)
        target_link_libraries(modulon_${name} INTERFACE ${ARGN})
    endif()
endfunction()

# Kernels: sources on core/vec16.h, compiled once per instruction set, MDL_KERNEL
# naming the suffix of their external symbols. MDL_KERNEL_X86 and MDL_KERNEL_NEON
# tell the rest of core which of them exist. tests/golden/check.sh does the same
# by hand.
set(MODULON_X86 OFF)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    set(MODULON_X86 ON)
endif()
set(MODULON_KERNELS hmn_kernel_vec hmn_lanes_vec lanes_vec neuraxon_kernel_vec neuraxon_lanes_vec)
function(modulon_kernels target)
    foreach(name ${MODULON_KERNELS})
        modulon_kernel_versions(${target} core ${name})
    endforeach()
    if(MODULON_X86)
        foreach(name hmn_kernel neuraxon_kernel) # the portable sources once more
            modulon_kernel(${target} core ${name} fma "-mavx;-mfma")
        endforeach()
    endif()
endfunction()

# modulon_kernel_versions(TARGET FOLDER NAME): FOLDER/NAME.c for each instruction set.
function(modulon_kernel_versions target folder name)
    if(MODULON_X86)
        modulon_kernel(${target} ${folder} ${name} v3 "-march=x86-64-v3")
        modulon_kernel(${target} ${folder} ${name} v4 "-march=x86-64-v4;-mprefer-vector-width=512")
        target_compile_definitions(${target} PUBLIC MDL_KERNEL_X86)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
        modulon_kernel(${target} ${folder} ${name} neon "")
        target_compile_definitions(${target} PUBLIC MDL_KERNEL_NEON)
    endif()
endfunction()

function(modulon_kernel target folder name version flags)
    add_library(${name}_${version} OBJECT ${folder}/${name}.c)
    modulon_common(${name}_${version})
    # After MODULON_MARCH, so that the kernel's own instruction set wins.
    target_compile_options(${name}_${version} PRIVATE ${flags})
    target_compile_definitions(${name}_${version} PRIVATE MDL_KERNEL=${version})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${name}_${version}>)
endfunction()
