using System.Collections;

namespace SampleWorkspace.Terminal;

/// <summary>The user's interactive shell: at home on the volume.</summary>
internal static class Shell
{
    private static readonly string[] Candidates = ["/bin/bash", "/usr/bin/bash", "/bin/sh"];

    public static Pty Start(string folder, TimeProvider time)
    {
        var shell = Candidates.First(File.Exists);
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(variable => (string)variable.Key, variable => (string?)variable.Value ?? "");
        environment["TERM"] = "xterm-256color";
        environment["HOME"] = environment["PWD"] = folder;
        environment["SHELL"] = shell;
        environment.Remove("SIMULATOR_LISTEN");
        return Pty.Start([shell, "-i"], environment, folder, columns: 80, rows: 24, time);
    }
}
