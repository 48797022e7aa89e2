// A worker in C: see Sources/CEmbedded/PROTOCOL.md. It needs no JSON library, for what the daemon sends is JSON already, and
// to find a value's end is all that it takes to look into it. Build: cc -o worker worker.c
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// A piece of JSON within a frame.
struct json {
  const char *start, *end;
};

static const char *skip_space(const char *at) {
  while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') at++;
  return at;
}

static const char *skip_string(const char *at) {
  for (at++; *at != '"'; at++)
    if (*at == '\\') at++;
  return at + 1;
}

static struct json value_at(const char *at) {
  const char *start = at = skip_space(at);
  int depth = 0;
  do {
    if (*at == '"') {
      at = skip_string(at);
    } else if (*at == '[' || *at == '{') {
      depth++, at++;
    } else if (*at == ']' || *at == '}') {
      depth--, at++;
    } else if (depth > 0) {
      at++;
    } else {
      at += strcspn(at, ",]} \t\r\n");
    }
  } while (depth > 0);
  return (struct json){start, at};
}

// Passes over the elements of an array, or the names and values of an object: false after the last.
static bool next(const char **at, struct json *element) {
  *at = skip_space(*at);
  if (**at == ']' || **at == '}') return false;
  *element = value_at(*at + 1);  // After the bracket, the comma or the colon.
  *at = element->end;
  return *element->start != ']' && *element->start != '}';
}

static bool equals(struct json json, const char *text) {
  return (size_t)(json.end - json.start) == strlen(text) && memcmp(json.start, text, strlen(text)) == 0;
}

// The value of a member; `quoted_name` has its quotes. "null" where there is none.
static struct json member(const char *object, const char *quoted_name) {
  struct json name, value;
  for (const char *at = skip_space(object); next(&at, &name) && next(&at, &value);)
    if (equals(name, quoted_name)) return value;
  return value_at("null");
}

// A line end is white space wherever JSON may have one, and a result's line may not.
static void print(FILE *out, struct json json) {
  for (const char *at = json.start; at < json.end; at++)
    if (*at != '\n') putc(*at, out);
}

// A function prints its value, or returns the words for what is wrong.
typedef const char *function(struct json argument, FILE *out);

static const char *echo(struct json argument, FILE *out) {
  print(out, argument);
  return NULL;
}

static const char *square(struct json argument, FILE *out) {
  char *end;
  long number = strtol(argument.start, &end, 10);
  if (end == argument.start || end != argument.end) return "no integer";
  fprintf(out, "%ld", number * number);
  return NULL;
}

static const char *fail(struct json argument, FILE *out) {
  (void)argument, (void)out;
  return "it failed";
}

static const char *pause_for(struct json argument, FILE *out) {
  double seconds = strtod(argument.start, NULL);
  struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&time, NULL);
  fputs("null", out);
  return NULL;
}

static function *find(struct json name) {
  if (equals(name, "\"echo\"")) return echo;
  if (equals(name, "\"square\"")) return square;
  if (equals(name, "\"fail\"")) return fail;
  if (equals(name, "\"sleep\"")) return pause_for;
  return NULL;
}

// Prints the line of one call; returns whether it is a value.
static bool print_line(FILE *out, function *called, struct json argument) {
  char *text = NULL;
  size_t count = 0;
  FILE *value = open_memstream(&text, &count);
  const char *problem = called == NULL ? "no such function" : called(argument, value);
  fclose(value);
  if (problem == NULL) {
    fputs("{\"value\":", out);
    fwrite(text, 1, count, out);
    fputs("}\n", out);
  } else {
    // The argument is put into the message as it is, but for the quotes of a string.
    if (*argument.start == '"') argument.start++, argument.end--;
    else argument.end = argument.start;
    fprintf(out, "{\"error\":{\"type\":\"Error\",\"message\":\"%s: ", problem);
    print(out, argument);
    fputs("\",\"traceback\":\"\",\"args\":null}}\n", out);
  }
  free(text);
  return problem == NULL;
}

static void print_lines(FILE *out, const char *head, const char *body) {
  struct json op = member(head, "\"op\""), argument = value_at("null");
  function *called = find(member(head, "\"func\""));
  if (equals(op, "\"apply\"")) {
    const char *at = member(body, "\"args\"").start;
    next(&at, &argument);
    print_line(out, called, argument);
  } else if (equals(op, "\"map\"")) {
    bool stops = equals(member(head, "\"stop_on_error\""), "true");
    for (const char *at = skip_space(body); next(&at, &argument);)
      if (!print_line(out, called, argument) && stops) break;
  } else {
    print_line(out, NULL, argument);
  }
}

static void read_all(char *buffer, size_t count) {
  for (ssize_t part; count > 0; buffer += part, count -= (size_t)part)
    if ((part = read(3, buffer, count)) <= 0) exit(0);
}

static void write_all(const char *buffer, size_t count) {
  for (ssize_t part; count > 0; buffer += part, count -= (size_t)part)
    if ((part = write(3, buffer, count)) <= 0) exit(0);
}

static void send_frame(const char *head, const char *body, size_t count) {
  uint32_t lengths[2] = {htonl((uint32_t)strlen(head)), htonl((uint32_t)count)};
  write_all((const char *)lengths, sizeof lengths);
  write_all(head, strlen(head));
  write_all(body, count);
}

static char *read_text(size_t count) {
  char *text = malloc(count + 1);
  if (text == NULL) exit(1);
  read_all(text, count);
  text[count] = 0;
  return text;
}

int main(void) {
  for (;;) {
    uint32_t lengths[2];
    read_all((char *)lengths, sizeof lengths);
    char *head = read_text(ntohl(lengths[0])), *body = read_text(ntohl(lengths[1]));
    struct json type = member(head, "\"type\"");
    if (equals(type, "\"hello\"")) {
      send_frame("{\"type\":\"ready\",\"protocol\":1}", "", 0);
    } else if (equals(type, "\"task\"")) {
      char *lines = NULL, answer[64];
      size_t count = 0;
      FILE *out = open_memstream(&lines, &count);
      print_lines(out, head, body);
      fclose(out);
      snprintf(answer, sizeof answer, "{\"type\":\"result\",\"id\":%ld}", strtol(member(head, "\"id\"").start, NULL, 10));
      send_frame(answer, lines, count);
      free(lines);
    } else if (equals(type, "\"exit\"")) {
      return 0;
    } else if (!equals(type, "\"cancel\"")) {
      return 1;
    }
    free(head);
    free(body);
  }
}
