using Microsoft.Extensions.Options;

namespace Gateway.Proxying;

/// <summary>Section <c>Proxying</c>: the public listener and how requests are forwarded.</summary>
internal sealed class ProxyingOptions
{
    public const string Section = "Proxying";

    /// <summary>Where the public listens, HTTP/1.1. IPv4 only on Fly: its proxy arrives there, and neighbours on the private network do not.</summary>
    public string Listen { get; set; } = "http://0.0.0.0:8080";

    /// <summary>The same over cleartext HTTP/2, which needs a port of its own. Empty: off.</summary>
    public string ListenHttp2 { get; set; } = "";

    /// <summary>The header in which the one hop in front of us puts the client's address: <c>Fly-Client-IP</c> on Fly. Empty: the connection's own address counts.</summary>
    public string ClientAddressHeader { get; set; } = "";

    /// <summary>The port on which every workspace listens. 1 to 65535.</summary>
    public int WorkspacePort { get; set; } = 10000;

    /// <summary>The networks in which machines may be dialled, in prefix notation, separated by commas. Fly's private network.</summary>
    public string AllowedNetworks { get; set; } = "fdaa::/16";

    /// <summary>How long one connect to a machine may take. Machines are on the same private network, so 1 s is long.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a plain answer may be silent. Sockets may be silent for ever.</summary>
    public TimeSpan AnswerSilence { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Other limits for some paths, by the beginning of the path; the longest that fits counts.</summary>
    public Dictionary<string, TimeSpan> AnswerSilenceByPath { get; set; } = [];

    /// <summary>After this much silence a WebSocket's client gets a Ping. Zero: never.</summary>
    public TimeSpan SocketPingAfter { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>How long an unused connection to a machine is kept. Shorter than a machine's idle time.</summary>
    public TimeSpan KeepConnections { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>At shutdown, how long new requests are still served while the health check fails, and over which open sockets are closed.</summary>
    public TimeSpan ShutdownGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Requests a second that one address may make, a network of IPv6 addresses counting as one. 0: any number.</summary>
    public int RequestsPerAddress { get; set; } = 500;

    /// <summary>How many of them may come at once after a pause.</summary>
    public int BurstPerAddress { get; set; } = 5000;

    /// <summary>Requests a second that one user may make of one replica. 0: any number.</summary>
    public int RequestsPerUser { get; set; } = 500;

    /// <summary>How many of them may come at once after a pause.</summary>
    public int BurstPerUser { get; set; } = 5000;

    /// <summary>Requests of one user in progress at once on one replica, those held included and sockets not. 0: any number.</summary>
    public int ConcurrentPerUser { get; set; } = 1000;

    /// <summary>Sockets of one user open at once on one replica. 0: any number.</summary>
    public int SocketsPerUser { get; set; } = 200;

    /// <summary>How long the head of a request may take to arrive.</summary>
    public TimeSpan HeadTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a body that was announced may take to begin, once the workspace is there to take it. All of it may take as long as it likes.</summary>
    public TimeSpan BodyStartTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest request line, in bytes.</summary>
    public int MaxUrlBytes { get; set; } = 16 * 1024;

    /// <summary>All headers of a request together, in bytes.</summary>
    public int MaxHeadBytes { get; set; } = 32 * 1024;

    /// <summary>How many headers a request may have.</summary>
    public int MaxHeaders { get; set; } = 100;

    /// <summary>Silence allowed on the path asked for.</summary>
    public TimeSpan AnswerSilenceOf(string path)
    {
        var silence = AnswerSilence;
        var longest = -1;
        foreach (var (prefix, limit) in AnswerSilenceByPath)
        {
            if (prefix.Length > longest && path.StartsWith(prefix, StringComparison.Ordinal))
            {
                (silence, longest) = (limit, prefix.Length);
            }
        }

        return silence;
    }
}

/// <summary>Every fault of the section at once, each by its key.</summary>
internal sealed class ProxyingOptionsValidation : IValidateOptions<ProxyingOptions>
{
    public ValidateOptionsResult Validate(string? name, ProxyingOptions options)
    {
        var faults = new List<string>();
        Check(Listener.TryParse(options.Listen, out _), "Proxying:Listen must be an address such as http://0.0.0.0:8080.");
        Check(options.ListenHttp2.Length == 0 || Listener.TryParse(options.ListenHttp2, out _), "Proxying:ListenHttp2 must be empty or an address such as http://0.0.0.0:8082.");
        Check(options.WorkspacePort is > 0 and <= 65535, "Proxying:WorkspacePort must be between 1 and 65535.");
        Check(AllowedDestinations.Parse(options.AllowedNetworks) is { Length: > 0 }, "Proxying:AllowedNetworks must be one or more networks such as fdaa::/16, separated by commas.");
        Check(options.ConnectTimeout > TimeSpan.Zero && options.ConnectTimeout <= TimeSpan.FromSeconds(30), "Proxying:ConnectTimeout must be between 0 and 00:00:30.");
        Check(options.AnswerSilence > TimeSpan.Zero, "Proxying:AnswerSilence must be positive, such as 00:10:00.");
        foreach (var (prefix, limit) in options.AnswerSilenceByPath)
        {
            Check(prefix.StartsWith('/'), $"Proxying:AnswerSilenceByPath:{prefix} must be named after a path that begins with a slash.");
            Check(limit > TimeSpan.Zero, $"Proxying:AnswerSilenceByPath:{prefix} must be positive.");
        }

        Check(options.SocketPingAfter >= TimeSpan.Zero, "Proxying:SocketPingAfter must not be negative; 00:00:00 switches it off.");
        Check(options.ShutdownGrace >= TimeSpan.Zero && options.ShutdownGrace <= TimeSpan.FromMinutes(4), "Proxying:ShutdownGrace must be between 0 and 00:04:00, within the platform's kill timeout.");
        Check(options is { RequestsPerAddress: >= 0, RequestsPerUser: >= 0, ConcurrentPerUser: >= 0, SocketsPerUser: >= 0 },
            "Proxying:RequestsPerAddress, RequestsPerUser, ConcurrentPerUser and SocketsPerUser must not be negative; 0 is no limit.");
        Check(options is { BurstPerAddress: > 0, BurstPerUser: > 0 }, "Proxying:BurstPerAddress and Proxying:BurstPerUser must be positive.");
        Check(options.BodyStartTimeout > TimeSpan.Zero && options.BodyStartTimeout <= TimeSpan.FromMinutes(5), "Proxying:BodyStartTimeout must be between 0 and 00:05:00.");
        Check(options.HeadTimeout > TimeSpan.Zero && options.HeadTimeout <= TimeSpan.FromMinutes(5), "Proxying:HeadTimeout must be between 0 and 00:05:00.");
        Check(options is { MaxUrlBytes: >= 1024, MaxHeadBytes: >= 1024, MaxHeaders: >= 20 }, "Proxying:MaxUrlBytes and Proxying:MaxHeadBytes must be at least 1024, Proxying:MaxHeaders at least 20.");
        Check(options.KeepConnections > TimeSpan.Zero, "Proxying:KeepConnections must be positive.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Check(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }
    }
}
