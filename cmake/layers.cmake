# modulon_layer(NAME LIBS...): NAME/*.c becomes the static library modulon_NAME.
# A layer without sources yet is an empty interface to the layers below it.
function(modulon_layer name)
    file(GLOB sources CONFIGURE_DEPENDS ${name}/*.c)
    list(FILTER sources EXCLUDE REGEX "/core/hmn_kernel\\.c$")
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

# core/hmn_kernel.c is one portable source. On x86-64 it is compiled once per
# instruction set, MDL_KERNEL naming the suffix of its external symbols;
# MDL_KERNEL_X86 tells the rest of core that the other versions exist.
function(modulon_kernels target)
    file(GLOB kernel CONFIGURE_DEPENDS core/hmn_kernel.c)
    if(NOT kernel)
        return()
    endif()
    modulon_kernel(${target} portable "")
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
        modulon_kernel(${target} v3 "-march=x86-64-v3")
        modulon_kernel(${target} v4 "-march=x86-64-v4;-mprefer-vector-width=512")
        target_compile_definitions(${target} PUBLIC MDL_KERNEL_X86)
    endif()
endfunction()

function(modulon_kernel target version flags)
    add_library(hmn_kernel_${version} OBJECT core/hmn_kernel.c)
    modulon_common(hmn_kernel_${version})
    # After MODULON_MARCH, so that the kernel's own instruction set wins.
    target_compile_options(hmn_kernel_${version} PRIVATE ${flags})
    target_compile_definitions(hmn_kernel_${version} PRIVATE MDL_KERNEL=${version})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:hmn_kernel_${version}>)
endfunction()
