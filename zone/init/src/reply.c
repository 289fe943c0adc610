#include <stdarg.h>
#include <stdio.h>

#include "bounds.h"
#include "idm.h"
#include "log.h"

void reply_response(struct reply *reply, const idm_Response *response) {
  uint64_t id;
  if (reply_take(reply, &id)) idm_send(id, idm_Form_FORM_RESPONSE, idm_Response_fields, response);
}

void reply_done(struct reply *reply) {
  idm_Response response = {.which_response = idm_Response_done_tag};
  reply_response(reply, &response);
}

void reply_error(struct reply *reply, enum code code, const char *format, ...) {
  char message[error_message_bytes];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  uint64_t id;
  idm_Error error = {.code = code, .message = slice_of(message)};
  if (reply_take(reply, &id)) idm_send(id, idm_Form_FORM_ERROR, idm_Error_fields, &error);
}

void warn(const char *format, ...) {
  char message[warning_message_bytes];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  log_line("%s", message);
  idm_Event event = {.which_event = idm_Event_warning_tag};
  event.event.warning.message = slice_of(message);
  idm_send_event(&event);
}
