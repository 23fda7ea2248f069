# Where things go, below the prefix: bin, share/man/man1, share/doc/modulon, lib/systemd/system.
include(GNUInstallDirs)
if(TARGET modulon)
    install(TARGETS modulon RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
file(GLOB man_pages CONFIGURE_DEPENDS deploy/man/*.1)
install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
file(GLOB documents CONFIGURE_DEPENDS README.md CHANGELOG.md LICENSE docs/*.md)
install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.json)
install(FILES deploy/systemd/coordinator.env deploy/systemd/coordinator-tls.conf deploy/systemd/worker.env
    DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/systemd)

# The units name the program, so they are written when the prefix is known: cmake --install --prefix may
# change it. systemd looks in lib/systemd/system below /usr and /usr/local, whatever the machine's libdir.
file(GLOB units CONFIGURE_DEPENDS deploy/systemd/*.service.in)
foreach(unit ${units})
    get_filename_component(name ${unit} NAME_WLE)
    install(CODE "
        if(IS_ABSOLUTE \"${CMAKE_INSTALL_BINDIR}\")
            set(MODULON_BINDIR \"${CMAKE_INSTALL_BINDIR}\")
        else()
            set(MODULON_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
        endif()
        configure_file(\"${unit}\" \"${PROJECT_BINARY_DIR}/systemd/${name}\" @ONLY)
        file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\" TYPE FILE
            FILES \"${PROJECT_BINARY_DIR}/systemd/${name}\")")
endforeach()
