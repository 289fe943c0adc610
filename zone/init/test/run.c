#include "check.h"

const char *vectors_folder = "vectors";

/* Runs every test, or stops at the first that fails. */
int main(int count, char **arguments) {
  const struct {
    const char *name;
    const struct test *tests;
  } groups[] = {{"frame", frame_tests}, {"ring", ring_tests},   {"outbox", outbox_tests},
                {"message", message_tests}, {"idm", idm_tests}, {"input", input_tests},
                {"dial", dial_tests},   {"reap", reap_tests},   {"vchan", vchan_tests}, {"xen_disk", xen_disk_tests},
                {"cpu_list", cpu_list_tests}, {"metrics", metrics_tests}};
  unsigned passed = 0;
  if (count > 1) vectors_folder = arguments[1];
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    for (const struct test *test = groups[i].tests; test->run; test++) {
      printf("  %s: %s\n", groups[i].name, test->title);
      test->run();
      passed++;
    }
  printf("%u passed, 0 failed\n", passed);
  return 0;
}
