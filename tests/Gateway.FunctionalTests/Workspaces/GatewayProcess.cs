using System.Globalization;
using System.Runtime.InteropServices;
using Gateway.FunctionalTests.Cloud;
using LocalCloud;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>One gateway as a process of its own, so that it can be killed, paused and measured as the product is.</summary>
internal sealed partial class GatewayProcess : IAsyncDisposable
{
    private const int KillSignal = 9;
    private const int TerminateSignal = 15;
    private const int ContinueSignal = 18;
    private const int StopSignal = 19;

    private readonly ChildProcess _process;

    private GatewayProcess(ChildProcess process, string name, int port, int operationsPort)
    {
        (_process, Name) = (process, name);
        Url = UrlOf(port);
        OperationsUrl = UrlOf(operationsPort);
    }

    /// <summary>The beginning of the replica's name, as it stands in what the replica owns.</summary>
    public string Name { get; }

    public Uri Url { get; }

    public Uri OperationsUrl { get; }

    public int Id => _process.Id;

    /// <summary>The gateway beside this program, or the one that <c>GATEWAY_PROGRAM</c> names: the path of a <c>Gateway.dll</c>.</summary>
    /// <param name="name">What the replica is called.</param>
    /// <param name="settings">As configuration names them, <c>Section:Key</c>.</param>
    /// <param name="log">Gets what it prints.</param>
    /// <param name="program">The gateway's own file, where it is not the one that was built with the tests.</param>
    public static async Task<GatewayProcess> StartAsync(string name, IReadOnlyDictionary<string, string?> settings, TextWriter log, string? program = null)
    {
        var (port, operationsPort) = (FreePorts.Take(), FreePorts.Take());
        var variables = settings.ToDictionary(static setting => setting.Key.Replace(":", "__", StringComparison.Ordinal), static setting => setting.Value ?? "");
        variables["FLY_MACHINE_ID"] = name;
        variables["Proxying__Listen"] = UrlOf(port).ToString();
        variables.TryAdd("Proxying__ListenHttp2", "");
        variables["Operations__Listen"] = UrlOf(operationsPort).ToString();
        program ??= Environment.GetEnvironmentVariable("GATEWAY_PROGRAM") ?? Programs.Find("Gateway");
        var process = await ChildProcess.StartAsync(name, [Programs.Host, program], Path.GetDirectoryName(program)!, variables, new PrefixedConsole(log));
        var gateway = new GatewayProcess(process, name, port, operationsPort);
        try
        {
            await gateway.AnswersAsync();
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Its exit code, once it has ended.</summary>
    public Task<int> Exited => _process.Exited;

    /// <summary>Asks it to end, as a deploy does.</summary>
    public void Terminate() => _ = Signal(Id, TerminateSignal);

    public void Kill() => _ = Signal(Id, KillSignal);

    public void Pause() => _ = Signal(Id, StopSignal);

    public void Resume() => _ = Signal(Id, ContinueSignal);

    public async ValueTask DisposeAsync()
    {
        if (!_process.Exited.IsCompleted)
        {
            // A paused process hears nothing else.
            Kill();
        }

        await _process.DisposeAsync();
    }

    private async Task AnswersAsync()
    {
        using var http = new HttpClient { BaseAddress = Url };
        await Eventually.HoldsAsync(async () =>
        {
            if (_process.Exited.IsCompleted)
            {
                throw new InvalidOperationException($"The gateway has ended with exit code {await _process.Exited}.");
            }

            try
            {
                using var answer = await http.GetAsync("/.gateway/health");
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
    }

    private static Uri UrlOf(int port) => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}
