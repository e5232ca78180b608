/* SPDX-License-Identifier: MIT
 *
 * main.c - the program `pumice`: finds the command, and at the end makes sure that what was printed
 * has arrived. Exit codes: 0 done, 1 the machine's fault or ours, 2 the user's.
 */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const struct command *const commands[] = {
    &cmd_ocr,  &cmd_classify, &cmd_detect,  &cmd_embed,  &cmd_similarity, &cmd_tokenize, &cmd_vad,
    &cmd_run,  &cmd_info,     &cmd_explain, &cmd_devices, &cmd_verify,    &cmd_kernels,  &cmd_ops,
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *stream)
{
    fputs("pumice - neural networks on any Vulkan device\n\nUsage: pumice COMMAND ...\n\n", stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nExamples:\n"
          "  pumice devices                                   which GPU would be used, and why\n"
          "  pumice ocr page.png                              read the text in a picture\n"
          "  pumice classify vit-folder cat.jpg               what is in a picture\n"
          "  pumice embed bert-folder \"a cat\" \"a dog\"        texts as vectors\n"
          "  pumice vad talk.wav                              where somebody speaks\n"
          "  pumice run model.onnx --input x=x.npy --output out   any ONNX model\n"
          "  pumice run model.onnx --shape x=1x3x224x224 --repeat 20   how fast it is here\n"
          "\n`pumice COMMAND --help` tells more. `pumice --version` prints the version.\n",
          stream);
}

static int unknown_command(const char *word)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    const char *near = option_nearest(word, names, COMMAND_COUNT);
    if (near != NULL)
        cli_complain("unknown command '%s'; did you mean 'pumice %s'?", word, near);
    else
        cli_complain("unknown command '%s'; `pumice --help` lists the commands", word);
    return CLI_USER;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USER;
    }
    const char *word = argv[1];
    bool help = strcmp(word, "help") == 0;
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        printf("pumice %s\n", pum_version());
        return CLI_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc == 2)) {
        print_help(stdout);
        return CLI_OK;
    }
    char *help_words[] = {"--help"};
    if (help)
        word = argv[2];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(word, commands[i]->name) == 0)
            return help ? commands[i]->run(commands[i], 1, help_words)
                        : commands[i]->run(commands[i], argc - 2, argv + 2);
    return unknown_command(word);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error, reported below */
    int code = dispatch(argc, argv);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK) {
        if (errno != EPIPE)
            cli_complain("cannot write the output: %s", strerror(errno != 0 ? errno : EIO));
        code = CLI_MACHINE;
    }
    return code;
}
