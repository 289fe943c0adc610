#ifndef BOUNDS_H
#define BOUNDS_H

/* Every limit of init in one place. Bytes unless the name says otherwise. */
enum {
  /* Largest packet accepted from the host; the host's own maximum is the same. */
  receive_max_bytes = 256 * 1024,
  /* Room for one largest frame and what arrives behind it. */
  receive_buffer_bytes = 2 * receive_max_bytes,
  /* Largest packet that init sends. */
  send_max_bytes = 96 * 1024,
  /* Each way, where the carrier is a vchan; a power of two. */
  vchan_ring_bytes = 64 * 1024,
  /* Control frames that wait for the carrier. */
  outbox_bytes = 256 * 1024,
  /* Window that the zone grants on each stream for stdin. */
  stream_window_bytes = 64 * 1024,
  /* Twice the window: input that a lost connection left behind and a new window. */
  input_ring_bytes = 2 * stream_window_bytes,
  /* Output kept per stream of a workload until the host has stored it; then its writer blocks. */
  output_ring_bytes = 1 << 20,
  /* A frame of this payload is one write of the virtio port (32 KiB). */
  output_chunk_bytes = 32 * 1024 - 128,
  /* Room for all that stands before the payload in a frame of output. */
  output_headroom_bytes = 128,
  exec_limit = 64,
  workload_limit = 128,
  dial_limit = 64,
  /* Modules with parameters, and further images with modules or firmware. */
  module_limit = 64,
  addon_limit = 16,
  stream_limit = exec_limit + workload_limit + dial_limit,
  /* Bytes taken from the carrier, and frames written to it, before other work gets its turn. */
  read_turn_bytes = 256 * 1024,
  write_turn_frames = 8,
  oci_config_max_bytes = 128 * 1024,
  error_message_bytes = 1024,
  warning_message_bytes = 512,
  /* Exits of processes that nobody had asked for yet. */
  unclaimed_exit_limit = 128,
  /* A frame that stays unfinished for so long is given up: its sender is gone. */
  frame_stall_ms = 3000,
  /* How long the host has to be away until what was meant for it is thrown away. */
  host_away_ms = 100,
  default_deadline_ms = 10000,
  /* A connection within the zone that takes longer is given up. */
  dial_timeout_ms = 10000,
  /* A container runtime that takes longer is killed. */
  crun_timeout_ms = 60000,
  /* After a command has ended, how long descendants may keep its output open. */
  exec_linger_ms = 500,
};

#endif
