namespace Gateway.Tests.Simulation.Whole;

/// <summary>The users: each comes and goes, and does in between what people of their kind do.</summary>
internal sealed class People(WholeSystem system)
{
    private static readonly Habit[] Quick = [Habit.Navigation, Habit.Read, Habit.Read, Habit.Read, Habit.Write, Habit.Write, Habit.Upload, Habit.Download];

    private static readonly Habit[] Days =
    [
        Habit.Read, Habit.TypingSocket, Habit.OutputSocket, Habit.PingSocket, Habit.BackgroundPoll, Habit.SilentSocket, Habit.HalfOpenSocket, Habit.Upload,
        Habit.SilentStream, Habit.PageStream,
    ];

    /// <summary>Two pings of the gateway unanswered, and its look at the clock.</summary>
    private static readonly TimeSpan HalfOpenFound = TimeSpan.FromSeconds(80);

    private readonly List<ClientRequest> _open = [];
    private readonly HashSet<UserId> _served = [];
    private bool _ended;
    private int _requests;

    private SeededWorld World => system.World;

    public void Begin()
    {
        for (var number = 0; number < system.Users.Count; number++)
        {
            var (user, kind) = (system.Users[number], number);
            if (system.Size.Everyday)
            {
                World.After(World.Between(TimeSpan.Zero, TimeSpan.FromHours(24)), () => _ = LiveDaysAsync(user, Days[kind % Days.Length]));
                continue;
            }

            World.After(World.Between(TimeSpan.Zero, TimeSpan.FromMinutes(number < 3 ? 1 : 40)), () => _ = LiveAsync(user, kind % 5));
        }
    }

    /// <summary>Everybody goes home; what is open is closed.</summary>
    public void End()
    {
        _ended = true;
        foreach (var request in _open.ToList())
        {
            request.Leave();
        }
    }

    /// <summary>Everybody asks for their workspace, until they have it.</summary>
    public void AskOnce()
    {
        foreach (var user in system.Users)
        {
            World.After(World.Between(TimeSpan.Zero, TimeSpan.FromSeconds(30)), () => _ = AskUntilServedAsync(user));
        }
    }

    /// <summary>Some come back at the very moment at which their machine is put to sleep: chance alone would bring that about too seldom.</summary>
    public void ComeBack(MachineId machine, double probability, TimeSpan within)
    {
        if (!_ended && !system.Size.Everyday && World.Chance(probability))
        {
            var name = system.Machines.NameOf(machine);
            var user = system.Users.First(user => system.IsOf(user, name));
            World.After(World.Between(TimeSpan.Zero, within), () => _ = SendAsync(user, World.Pick(Quick)));
        }
    }

    public bool AreServed => _served.Count == system.Users.Count && _open.Count == 0;

    public void ExpectServed()
    {
        foreach (var user in system.Users.Where(user => !_served.Contains(user)))
        {
            system.Promises.Break(5, $"{user} does not get their workspace, although nothing is broken any more; the session is {system.Redis.Map.Find(user)}");
        }

        foreach (var request in _open)
        {
            system.Promises.Break(5, $"{request} never ended");
        }
    }

    /// <summary>One to three times a day, mostly in the same way, and then the night.</summary>
    private async Task LiveDaysAsync(UserId user, Habit usual)
    {
        while (!_ended)
        {
            for (var times = World.Random.Next(1, 4); times > 0 && !_ended; times--)
            {
                var how = World.Chance(0.8) ? usual : World.Pick(Days);
                await (how switch
                {
                    Habit.Read => WorkAsync(user, World.Random.Next(5, 40)),
                    Habit.Upload => UploadAsync(user),
                    Habit.BackgroundPoll => LeaveOpenAsync(user),
                    _ => AttachAsync(user, how),
                });
                await Pause(TimeSpan.FromMinutes(10), TimeSpan.FromHours(3));
            }

            await Pause(TimeSpan.FromHours(8), TimeSpan.FromHours(14));
        }
    }

    private async Task UploadAsync(UserId user)
    {
        for (var number = World.Random.Next(1, 20); number > 0 && !_ended; number--)
        {
            await SendAsync(user, Habit.Upload);
            await Pause(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5));
        }
    }

    /// <summary>A tab that is looked at once and polls until it is closed.</summary>
    private async Task LeaveOpenAsync(UserId user)
    {
        await SendAsync(user, Habit.Navigation);
        var closed = World.Now + World.Between(TimeSpan.FromMinutes(30), TimeSpan.FromHours(9)).Ticks;
        while (World.Now < closed && !_ended)
        {
            await Pause(TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60));
            await SendAsync(user, Habit.BackgroundPoll);
        }
    }

    private async Task LiveAsync(UserId user, int kind)
    {
        while (!_ended)
        {
            switch (kind)
            {
                case 0 or 1:
                    await WorkAsync(user, World.Random.Next(3, 14));
                    break;
                case 2:
                    await AttachAsync(user, Habit.TypingSocket);
                    break;
                case 3:
                    await (World.Chance(0.6) ? AttachAsync(user, Habit.SilentSocket) : AttachAsync(user, Habit.TypingSocket));
                    break;
                default:
                    await PollAsync(user);
                    break;
            }

            await Pause(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(35));
        }
    }

    private async Task WorkAsync(UserId user, int bursts)
    {
        for (var burst = 0; burst < bursts && !_ended; burst++)
        {
            var together = World.Chance(0.3) ? World.Random.Next(2, 9) : 1;
            for (var number = 0; number < together - 1; number++)
            {
                _ = SendAsync(user, World.Pick(Quick));
            }

            await SendAsync(user, World.Pick(Quick));
            await Pause(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(90));
        }
    }

    private async Task AttachAsync(UserId user, Habit how)
    {
        await SendAsync(user, Habit.Navigation);
        // Whoever is cut off connects again, a few times.
        for (var attempt = 0; attempt < 4 && !_ended; attempt++)
        {
            if (await SendAsync(user, how) == 200 && World.Chance(0.7))
            {
                return;
            }

            await Pause(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(20));
        }
    }

    private async Task PollAsync(UserId user)
    {
        await SendAsync(user, Habit.Navigation);
        for (var poll = World.Random.Next(5, 40); poll > 0 && !_ended; poll--)
        {
            await Pause(TimeSpan.FromSeconds(45), TimeSpan.FromSeconds(60));
            await SendAsync(user, Habit.Poll);
        }
    }

    private async Task AskUntilServedAsync(UserId user)
    {
        while (await SendAsync(user, Habit.Read) != 200)
        {
            await Pause(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(20));
        }

        _served.Add(user);
    }

    private async Task<int> SendAsync(UserId user, Habit habit)
    {
        if (system.Gateways.Count == 0)
        {
            return 0;
        }

        var gateway = World.Pick(system.Gateways);
        var request = new ClientRequest(++_requests, user, habit, LengthOf(habit), World.Now);
        _open.Add(request);
        system.Tally.Count($"request: {habit}");
        system.Promises.Began(request, gateway);
        gateway.Take(request);
        if (World.Chance(0.08) && !_ended)
        {
            World.After(World.Between(TimeSpan.Zero, TimeSpan.FromSeconds(20)), request.Leave);
        }

        if (habit is Habit.HalfOpenSocket)
        {
            World.After(World.Between(TimeSpan.FromMinutes(1), TimeSpan.FromHours(2)) + HalfOpenFound, request.Leave);
        }

        var status = await request.Ended.Task;
        _open.Remove(request);
        return status;
    }

    private TimeSpan LengthOf(Habit habit) => habit switch
    {
        Habit.Upload => World.Between(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(6)),
        Habit.Download => World.Between(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(4)),
        Habit.TypingSocket => World.Between(TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(60)),
        Habit.SilentSocket => World.Between(TimeSpan.FromMinutes(5), system.Size.Everyday ? TimeSpan.FromHours(9) : TimeSpan.FromMinutes(40)),
        Habit.OutputSocket => World.Between(TimeSpan.FromMinutes(5), TimeSpan.FromHours(3)),
        Habit.PingSocket or Habit.HalfOpenSocket or Habit.SilentStream or Habit.PageStream => World.Between(TimeSpan.FromMinutes(30), TimeSpan.FromHours(9)),
        _ => World.Between(TimeSpan.FromMilliseconds(2), TimeSpan.FromSeconds(3)),
    };

    private Task Pause(TimeSpan least, TimeSpan most) => Task.Delay(World.Between(least, most), World.Time);
}
