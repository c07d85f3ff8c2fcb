# One binary, its data files, a man page, shell completions; and the same as a Debian package (`cpack` in the build
# folder). The data lie beside the binary in share/gantry, where the program looks for them.
include(GNUInstallDirs)
install(TARGETS gantry RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY tasks/ DESTINATION ${CMAKE_INSTALL_DATADIR}/gantry/tasks)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs PATTERN "gantry.1" EXCLUDE)
install(FILES docs/gantry.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

set(completions ${PROJECT_BINARY_DIR}/completions)
install(FILES ${completions}/gantry.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME gantry)
install(FILES ${completions}/_gantry DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completions}/gantry.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gantry-oncology)  # Debian has a "gantry"-like name space of its own: be unmistakable
set(CPACK_PACKAGE_CONTACT "The Gantry engineers <gantry@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "gnuplot-nox, mecab-ipadic-utf8")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-pip")  # only for `gantry model get` over the network
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
