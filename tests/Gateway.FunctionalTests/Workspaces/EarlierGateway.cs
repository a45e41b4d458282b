using System.Diagnostics;
using LocalCloud;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>
/// The gateway of the commit before the one that is checked out, built from it once and kept under <c>artifacts/</c>. <c>GATEWAY_EARLIER</c> names another
/// commit, such as the one that is deployed.
/// </summary>
internal static class EarlierGateway
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    /// <summary>The commit's hash and the program; null: there is nothing before the first commit.</summary>
    /// <exception cref="InvalidOperationException">The commit is not here, or does not build. The message says what to do.</exception>
    public static async Task<(string Commit, string Program)?> BuildAsync()
    {
        var root = Checkout.Root;
        var asked = Environment.GetEnvironmentVariable("GATEWAY_EARLIER") is { Length: > 0 } named ? named : "HEAD~1";
        if (await GitAsync(root, "rev-parse", "--verify", "--quiet", asked + "^{commit}") is not { Length: > 0 } commit)
        {
            if (await GitAsync(root, "rev-parse", "--is-shallow-repository") == "false" && await GitAsync(root, "rev-list", "--count", "HEAD") == "1")
            {
                return null;
            }

            throw new InvalidOperationException(
                $"The commit {asked}, whose gateway is to run beside this one, is not here: this folder is a shallow clone, or none. Run `git fetch --deepen 1`, or name a commit that is here in GATEWAY_EARLIER.");
        }

        var kept = Path.Combine(root, "artifacts", "earlier", commit);
        var program = Path.Combine(kept, "Gateway.dll");
        if (File.Exists(program))
        {
            return (commit, program);
        }

        var folder = Directory.CreateTempSubdirectory("gateway-earlier-").FullName;
        try
        {
            await RunAsync(root, "git", "archive", "--output", Path.Combine(folder, "tree.tar"), commit);
            var tree = Directory.CreateDirectory(Path.Combine(folder, "tree")).FullName;
            await RunAsync(tree, "tar", "-xf", Path.Combine(folder, "tree.tar"));
            // Built where it is kept for good only when it is whole.
            var built = Path.Combine(root, "artifacts", "earlier", Path.GetRandomFileName());
            await RunAsync(tree, Programs.Host, "publish", Path.Combine("src", "Gateway"), "--configuration", "Release", "--output", built, "-p:UseSharedCompilation=false", "--nologo", "--verbosity", "quiet");
            Directory.Move(built, kept);
            return (commit, program);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What git says; null: it fails, or is not there.</summary>
    private static async Task<string?> GitAsync(string root, params string[] arguments)
    {
        try
        {
            return (await RunAsync(root, "git", arguments)).Trim();
        }
        catch (Exception exception) when (exception is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // The tests' own build must not steer that of another tree.
        foreach (var name in start.Environment.Keys.Where(static name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }

        using var process = Process.Start(start)!;
        using var bound = new CancellationTokenSource(Limit, TimeProvider.System);
        try
        {
            var (said, complained) = (process.StandardOutput.ReadToEndAsync(bound.Token), process.StandardError.ReadToEndAsync(bound.Token));
            await process.WaitForExitAsync(bound.Token);
            return process.ExitCode == 0 ? await said : throw new InvalidOperationException($"`{program} {string.Join(' ', arguments)}` ended with {process.ExitCode}: {await complained}{await said}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"`{program} {string.Join(' ', arguments)}` did not end within {Limit}.");
        }
    }
}
