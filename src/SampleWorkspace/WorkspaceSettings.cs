using System.Globalization;
using System.Net;

namespace SampleWorkspace;

/// <summary>What the machine's environment tells the workspace.</summary>
internal sealed record WorkspaceSettings
{
    public required IPEndPoint Listen { get; init; }

    /// <summary>The volume; also the terminal's home.</summary>
    public required string Folder { get; init; }

    public TimeSpan BootDelay { get; init; }

    /// <summary>Where the gateway publishes its keys. Null: whoever reaches the port is let in.</summary>
    public Uri? GatewayKeys { get; init; }

    /// <summary>This machine's id, which an assertion for it names.</summary>
    public string Machine { get; init; } = "";

    /// <summary>What <c>/api/env</c> shows: the documented variables and nothing else, because the rest may hold secrets.</summary>
    public IReadOnlyDictionary<string, string> Documented { get; init; } = new Dictionary<string, string>();

    private static readonly string[] DocumentedNames =
    [
        "USER_ID", "WORKSPACE_DIR", "NODE_ENV", "PORT", "ANTHROPIC_CONFIG_PATH", "CLAUDE_CONFIG_DIR",
        "FLY_APP_NAME", "FLY_MACHINE_ID", "FLY_REGION", "FLY_PRIVATE_IP",
    ];

    public static WorkspaceSettings FromEnvironment() => From(Environment.GetEnvironmentVariable);

    public static WorkspaceSettings From(Func<string, string?> variable)
    {
        var folder = variable("WORKSPACE_DIR") is { Length: > 0 } given ? given : Path.Combine(Path.GetTempPath(), "sample-workspace");
        return new WorkspaceSettings
        {
            // On Fly the private network is IPv6 only; the simulator's machines share one host and are told where to listen.
            Listen = variable("SIMULATOR_LISTEN") is { Length: > 0 } simulated
                ? IPEndPoint.Parse(simulated)
                : new IPEndPoint(IPAddress.IPv6Any, Number(variable("PORT"), 10000)),
            Folder = Directory.CreateDirectory(folder).FullName,
            BootDelay = TimeSpan.FromMilliseconds(Number(variable("SAMPLE_BOOT_DELAY_MS"), 0)),
            GatewayKeys = variable("GATEWAY_JWKS_URL") is { Length: > 0 } url ? new Uri(url) : null,
            Machine = variable("FLY_MACHINE_ID") ?? "",
            Documented = DocumentedNames.Where(name => variable(name) is not null).ToDictionary(name => name, name => variable(name)!),
        };
    }

    private static int Number(string? text, int otherwise) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
