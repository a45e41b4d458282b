using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Reconciling;

/// <summary>A machine that is provably given to these users.</summary>
internal sealed record ListedMachine(string App, Machine Machine, IReadOnlyList<UserId> Users);

/// <summary>Reads all machines of all apps, to the last page, and tells whose each one is.</summary>
internal sealed class MachineListing(IMachines machines, WorkspaceNames names, IReadOnlyList<string> apps, TimeProvider time)
{
    private static readonly Dictionary<string, string> Everything = [];
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);
    private const int Tries = 5;

    public IReadOnlyList<string> Apps => apps;

    /// <summary>All there is, or as far as it got: see <see cref="Listing.Incomplete"/>.</summary>
    public async Task<Listing> ReadAsync(CancellationToken cancellationToken)
    {
        var listing = new Listing();
        foreach (var app in apps)
        {
            if (await ReadAsync(app, machine => Sort(listing, app, machine), cancellationToken) is { } why)
            {
                listing.Incomplete = why;
                return listing;
            }
        }

        return listing;
    }

    /// <summary>Every machine of one app. Null: to the last page; otherwise why not.</summary>
    public async Task<string?> ReadAsync(string app, Action<Machine> visit, CancellationToken cancellationToken)
    {
        string? cursor = null;
        do
        {
            var page = await PageAsync(app, cursor, cancellationToken);
            if (!page.IsOk)
            {
                return $"{page.Failure.Kind}: {page.Failure.Message}";
            }

            foreach (var machine in page.Value.Machines)
            {
                visit(machine);
            }

            cursor = page.Value.Next;
        }
        while (cursor is not null);
        return null;
    }

    private void Sort(Listing listing, string app, Machine machine)
    {
        if (machine.State is PlatformState.Destroyed)
        {
            return;
        }

        if (machine.Config is null)
        {
            // Its host does not answer, so nobody knows whose it is. One of a user's own is found again by its name before another is made;
            // one that several share has no such name, and its users would be given machines of their own.
            listing.Unreadable++;
            if (!machine.Name.StartsWith(WorkspaceNames.MachinePrefix, StringComparison.Ordinal))
            {
                listing.Incomplete = $"the host of machine {machine.Id} does not answer, so its users are not known";
            }

            return;
        }

        var users = names.UsersOf(app, machine.Name, machine.Metadata, out var forged);
        listing.Drift += forged || users.Count == 0 ? 1 : 0;
        if (users.Count > 0)
        {
            listing.Machines.Add(new ListedMachine(app, machine, users));
        }
    }

    private async Task<MachinesResult<MachinePage>> PageAsync(string app, string? cursor, CancellationToken cancellationToken)
    {
        var pause = FirstPause;
        for (var attempt = 1; ; attempt++)
        {
            var page = await machines.ListAsync(app, Everything, cursor, cancellationToken);
            if (attempt == Tries || page.Failure is not { Kind: MachinesFailureKind.Unavailable or MachinesFailureKind.RateLimited } failure)
            {
                return page;
            }

            var asked = failure.RetryAfter is { } after && after < LongestPause ? after : pause;
            await Task.Delay(asked, time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }
}

/// <summary>What a listing found.</summary>
internal sealed class Listing
{
    public List<ListedMachine> Machines { get; } = [];

    /// <summary>Machines with a missing or false proof: they say nothing about anybody.</summary>
    public int Drift { get; set; }

    /// <summary>Machines whose host does not answer.</summary>
    public int Unreadable { get; set; }

    /// <summary>Why the listing does not count as complete; null: it does.</summary>
    public string? Incomplete { get; set; }
}
