// launch PROGRAM ARGUMENTS: prints what was counted when the program began, and becomes it.
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tell.h"

int main(int count, char** arguments) {
  if (count < 2) return 2;
  tell("nothing");  // touches all that it needs
  tell("launch");
  execv(arguments[1], arguments + 1);
  return 127;
}
