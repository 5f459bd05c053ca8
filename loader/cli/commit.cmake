# Writes what tells builds of one version apart into OUTPUT, if it is not there already: the commit
# of SOURCE, and whether files differ from it. Without git, as of a source package: nothing.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty=+ --abbrev=12 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define DYNMON_COMMIT \"${commit}\"\n")
