@rem Runs its arguments. For Windows, whose shell has no `exec`; elsewhere the scripts of package.json say `exec` so
@rem that no shell stands between npm and the program and keeps the signals to itself.
@%*
