/* A step that does nothing but say pass: what a pod costs without a step in it. */
#include <stdio.h>
#include <sys/stat.h>

static void say(const char *name, const char *text) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/outputs/%s", name);
    FILE *file = fopen(path, "w");
    if (!file) return;
    fputs(text, file);
    fclose(file);
}

int main(void) {
    mkdir("/tmp/outputs", 0755);
    say("verdict", "pass");
    say("reason", "nothing was done");
    say("event-id", "none");
    say("model-digest", "none");
    say("image", "none");
    return 0;
}
