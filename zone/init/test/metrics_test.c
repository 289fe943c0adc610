#include <string.h>

#include "bounds.h"
#include "check.h"
#include "metrics.h"
#include "packet.h"

static void processors(void) {
  idm_CpuMetrics cpu;
  CHECK(metrics_parse_cpu("cpu12 100 20 30 4000 50 6 7 8 9 10", &cpu));
  CHECK(cpu.cpu == 12 && cpu.user_ms == 1200 && cpu.system_ms == 430 && cpu.idle_ms == 40000);
  CHECK(cpu.iowait_ms == 500 && cpu.steal_ms == 80);
  CHECK(!metrics_parse_cpu("cpu  100 20 30 4000 50 6 7 8 9 10", &cpu));
  CHECK(!metrics_parse_cpu("cpu0 100 20", &cpu));
  CHECK(!metrics_parse_cpu("intr 1 2 3 4 5 6 7 8 9", &cpu));
}

static void processes(void) {
  struct slice command;
  idm_ProcessMetrics process;
  char stat[] = "42 (a) (b 1 2) S 7 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 0 8192000 3 18446744073709551615";
  CHECK(metrics_parse_process(stat, &process, &command));
  CHECK(process.pid == 42 && process.parent_pid == 7 && process.cpu_ms == 2000);
  CHECK(process.virtual_bytes == 8192000 && process.resident_bytes == 3 * 4096);
  CHECK(slice_equals(command, "a) (b 1 2"));
  char thread[] = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 0 0 0 18446744073709551615";
  CHECK(!metrics_parse_process(thread, &process, &command));
  char cut[] = "42 (cut) S 7 42";
  CHECK(!metrics_parse_process(cut, &process, &command));
  char none[] = "42 cut S 7 42";
  CHECK(!metrics_parse_process(none, &process, &command));
}

static void largest_answer(void) {
  static idm_Response response = {.which_response = idm_Response_metrics_tag};
  static uint8_t frame[send_max_bytes];
  static const uint8_t text[256];
  const uint32_t word = UINT32_MAX;
  /* More than any clock or memory counts: 2^48. */
  const uint64_t number = 1ull << 48;
  idm_MetricsResponse *metrics = &response.response.metrics;
  metrics->memory_total_bytes = metrics->memory_free_bytes = metrics->memory_available_bytes = number;
  metrics->init_resident_bytes = metrics->uptime_ms = number;
  for (metrics->cpus_count = 0; metrics->cpus_count < sizeof metrics->cpus / sizeof *metrics->cpus; metrics->cpus_count++)
    metrics->cpus[metrics->cpus_count] = (idm_CpuMetrics){255, number, number, number, number, number};
  const size_t limit = sizeof metrics->processes / sizeof *metrics->processes;
  for (metrics->processes_count = 0; metrics->processes_count < limit; metrics->processes_count++)
    metrics->processes[metrics->processes_count] = (idm_ProcessMetrics){
        .pid = word,
        .parent_pid = word,
        .command = {text, 31},
        .resident_bytes = number,
        .virtual_bytes = number,
        .uid = word,
        .gid = word,
        .lifetime_ms = number,
        .effective_uid = word,
        .effective_gid = word,
        .cpu_ms = number,
        .executable = {text, 32},
        .working_directory = {text, 32},
        .command_line = {text, 64},
    };
  CHECK(packet_encode(frame, sizeof frame, 1, idm_Form_FORM_RESPONSE, idm_Response_fields, &response) > 0);
}

const struct test metrics_tests[] = {
    {"a line of /proc/stat is a processor's, or none", processors},
    {"a process is read whatever it is called, a kernel thread is none", processes},
    {"the largest answer fits into a packet", largest_answer},
    {0},
};
