namespace Gateway.Tests.Simulation.Whole;

/// <summary>What runs in the machines: takes requests while it is ready, and has them until they end or the machine goes away.</summary>
internal sealed class Workspaces(SeededWorld world, SimulatedMachines machines, Promises promises, AwakeTime awake, Tally tally)
{
    private readonly List<Work> _open = [];

    public IReadOnlyList<Work> Open => _open;

    /// <summary>Null: nobody takes connections there.</summary>
    public Work? Arrive(ClientRequest request, string address, GatewayProcess gateway)
    {
        if (machines.ReadyAt(address) is not { } machine)
        {
            tally.Count("forward: never reached");
            return null;
        }

        request.Arrivals++;
        tally.Count("forward: arrived");
        var work = request.Work = new Work(request, machine, gateway, world.Now);
        promises.Arrived(work, machines.NameOf(machine));
        awake.Changing(machine);
        _open.Add(work);
        awake.Used(work);
        if (request.HasData || request.Habit is Habit.PageStream)
        {
            world.After(NextData(request), () => Data(work));
        }

        world.After(request.Lasts, () => End(work, WorkEnd.Answered));
        return work;
    }

    public void End(Work work, WorkEnd how)
    {
        if (_open.Contains(work))
        {
            awake.Changing(work.Machine);
            awake.Used(work);
            _open.Remove(work);
            work.Request.Work = null;
            work.Ended.TrySetResult(how);
        }
    }

    /// <summary>The machine is being stopped, or its process ended.</summary>
    public void Cut(MachineId machine)
    {
        foreach (var work in _open.Where(work => work.Machine == machine).ToList())
        {
            tally.Count(work.Request.IsSocket ? "work cut: socket" : work.Request.IsStream ? "work cut: stream" : "work cut: request");
            End(work, WorkEnd.Cut);
        }
    }

    public void Forget(GatewayProcess gateway)
    {
        foreach (var work in _open.Where(work => work.Gateway == gateway).ToList())
        {
            End(work, WorkEnd.Cut);
        }
    }

    private void Data(Work work)
    {
        if (work.IsOver)
        {
            return;
        }

        if (work.Gateway.Context.IsRunning)
        {
            awake.Changing(work.Machine);
            work.LastData = world.Now;
            awake.Used(work);
            work.Gateway.Context.Do(() => work.Gateway.DataPassed(work));
        }

        world.After(NextData(work.Request), () => Data(work));
    }

    // People stop to think, and then some go for lunch.
    private TimeSpan NextData(ClientRequest request) => request.Habit is Habit.Download or Habit.OutputSocket or Habit.PageStream ? TimeSpan.FromSeconds(20)
        : world.Chance(0.04) ? world.Between(TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(25))
        : world.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(90));
}
