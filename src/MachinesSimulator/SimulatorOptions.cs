namespace MachinesSimulator;

/// <summary>What the simulator is and how it behaves.</summary>
internal sealed class SimulatorOptions
{
    /// <summary>Where the API listens; port 0 takes a free one.</summary>
    public string Url { get; set; } = "http://127.0.0.1:4280";

    /// <summary>Which command runs for an image. The image <see cref="EchoWorkspace.Image"/> runs inside the simulator.</summary>
    public Dictionary<string, ImageCommand> Images { get; } = new(StringComparer.Ordinal);

    /// <summary>Where machines and volumes are kept. Null: nothing survives, and volumes live in a temporary folder.</summary>
    public string? DataFolder { get; set; }

    /// <summary>The first two numbers of machines' loopback addresses. Simulators that run at the same time need different ones.</summary>
    public string Network { get; set; } = "127.77";

    public SimulatorDelays Delays { get; set; } = new();

    /// <summary>The documented rates, answered with 429 when they are exceeded.</summary>
    public bool RateLimits { get; set; } = true;

    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Sees every call of the API with its answer.</summary>
    public Action<ObservedExchange>? OnExchange { get; set; }

    /// <summary>Told of a call that broke in the simulator itself, such as a machine's address that another process has; its caller is answered 500.</summary>
    public Action<string>? OnBroken { get; set; }

    /// <summary>Answers a request in the place of the image inside the simulator; false leaves it to that.</summary>
    public Func<HttpContext, Task<bool>>? Answer { get; set; }

    /// <summary>What machines' processes print, a line at a time.</summary>
    public Action<string>? Log { get; set; }
}

/// <summary>A program and its arguments.</summary>
internal sealed record ImageCommand(string Program, IReadOnlyList<string> Arguments);

/// <summary>How long things take.</summary>
internal sealed class SimulatorDelays
{
    public TimeSpan Create { get; set; } = TimeSpan.FromMilliseconds(150);
    public TimeSpan Start { get; set; } = TimeSpan.FromMilliseconds(300);
    public TimeSpan Resume { get; set; } = TimeSpan.FromMilliseconds(100);
    public TimeSpan Stop { get; set; } = TimeSpan.FromMilliseconds(200);
    public TimeSpan Suspend { get; set; } = TimeSpan.FromMilliseconds(200);
    public TimeSpan Update { get; set; } = TimeSpan.FromMilliseconds(300);

    /// <summary>How long a machine that just stopped still refuses a start.</summary>
    public TimeSpan StillActive { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>From started until an image inside the simulator takes connections, silent all the while.</summary>
    public TimeSpan EchoBoot { get; set; } = TimeSpan.FromMilliseconds(200);
}

/// <summary>One call and its answer.</summary>
internal sealed record ObservedExchange(string Method, string PathAndQuery, string RequestBody, int Status, string ResponseBody, IReadOnlyDictionary<string, string> ResponseHeaders);
