namespace Gateway.Operations.Console;

/// <summary>What an operator can do to a route from its page.</summary>
/// <param name="Name">The last part of its address.</param>
/// <param name="Question">With the user's name in it.</param>
/// <param name="Means">What will happen, to be read before it does.</param>
/// <param name="Done">Said on the page afterwards.</param>
internal sealed record ConsoleAction(string Name, string Verb, Func<string, string> Question, string Means, string Done)
{
    /// <summary>It cuts somebody off.</summary>
    public bool Cuts { get; init; }

    /// <summary>It touches the machine, and so all who share it.</summary>
    public bool OfMachine { get; init; }
}

internal static class ConsoleActions
{
    public static readonly ConsoleAction Wake = new("wake", "Wake", static user => $"Wake the machine of {user}?", "It boots, as for a request, and costs until it sleeps again.", "The machine is being woken.");
    public static readonly ConsoleAction Stop = new("stop", "Stop", static user => $"Stop the machine of {user}?", "Open terminals get a word and are closed, requests in progress break off, and what runs on it ends. Files stay. The next request wakes it again.", "The machine is being stopped.") { Cuts = true, OfMachine = true };
    public static readonly ConsoleAction Suspend = new("suspend", "Suspend", static user => $"Suspend the machine of {user}?", "Open terminals get a word and are closed. Its memory is kept, and the next request resumes it.", "The machine is being suspended.") { Cuts = true, OfMachine = true };
    public static readonly ConsoleAction Restart = new("restart", "Restart", static user => $"Restart the machine of {user}?", "Open terminals get a word and are closed, what runs on it ends, and it boots anew.", "The machine is being restarted.") { Cuts = true, OfMachine = true };
    public static readonly ConsoleAction Upgrade = new("upgrade", "Upgrade", static user => $"Upgrade the machine of {user}?", "It gets the present image and size now if it sleeps, and otherwise at its next sleep or wake. Nobody is cut off.", "The machine is upgraded now, or at its next sleep or wake.") { OfMachine = true };
    public static readonly ConsoleAction Pin = new("pin", "Pin", static user => $"Keep the machine of {user} from idle stops?", "It stays awake for that long once it is, used or not, and costs.", "The machine is pinned.");
    public static readonly ConsoleAction Unpin = new("unpin", "Unpin", static user => $"Let the machine of {user} sleep again?", "Idle stops apply to it again.", "The pin is gone.");
    public static readonly ConsoleAction Drain = new("drain", "Drain", static user => $"Let no new request of {user} in?", "New requests are refused with a page that says so. What is open goes on.", "New requests are refused from now on.") { Cuts = true };
    public static readonly ConsoleAction Undrain = new("undrain", "Let in", static user => $"Let requests of {user} in again?", "The next request is served as ever.", "Requests are let in again.");
    public static readonly ConsoleAction Kick = new("kick", "Kick", static user => $"Sign {user} out everywhere?", "Every sign-in and access token of theirs ends, and their sockets are closed. They may sign in again.", "All their sign-ins and tokens are ended.") { Cuts = true };

    public static readonly IReadOnlyList<ConsoleAction> All = [Wake, Stop, Suspend, Restart, Upgrade, Pin, Unpin, Drain, Undrain, Kick];

    public static ConsoleAction? Find(string name) => All.FirstOrDefault(action => action.Name == name);

    /// <summary>Those that mean something now.</summary>
    public static IEnumerable<ConsoleAction> For(RouteView route, DateTimeOffset now) => All.Where(action => action.Name switch
    {
        "wake" => route.State is not ("awake" or "waking" or "provisioning"),
        "stop" or "suspend" => route.State is not ("asleep" or "provisioning" or "gone"),
        "restart" or "upgrade" => route.Machine is not null,
        "pin" => route.Machine is not null && !(route.PinnedUntil > now),
        "unpin" => route.PinnedUntil > now,
        "drain" => !route.Closed,
        "undrain" => route.Closed,
        _ => true,
    });
}
