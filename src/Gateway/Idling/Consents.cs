using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>
/// This replica's answers to the question whether a machine may be stopped. Silence is no consent: whatever goes wrong here ends in the stop being
/// abandoned, never in a machine being taken from under somebody.
/// </summary>
internal sealed partial class Consents(
    Visits visits,
    IVisitMap map,
    Replica replica,
    ISocketsOfMachine sockets,
    IOptions<IdlingOptions> options,
    TimeProvider time,
    ILogger<Consents> logger)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <summary>Answers one question. An objection is not sent: without consent in time the stop is abandoned.</summary>
    public async Task AnswerAsync(MachineId machine, long epoch, CancellationToken cancellationToken)
    {
        visits.CloseGate(machine);
        await PollsEndAsync(machine, cancellationToken);
        if (Objects(machine))
        {
            visits.OpenGate(machine);
            Log.StopObjected(logger, machine.Value, epoch);
            return;
        }

        // Sockets and answers beyond their attached time do not stand against the stop, but they end properly: sockets with a Close frame that says why.
        await sockets.CloseAsync(machine, cancellationToken);
        if (Objects(machine))
        {
            visits.OpenGate(machine);
            Log.StopObjected(logger, machine.Value, epoch);
            return;
        }

        try
        {
            await map.ConsentAsync(machine, epoch, replica.Name, cancellationToken);
        }
        catch (SessionMapUnavailableException)
        {
            // The gate stays closed: the consent may have arrived. The next visit wins the machine back through the session map.
            Log.ConsentNotSent(logger, machine.Value, epoch);
        }
    }

    /// <summary>A poll stands against a stop while it lasts; most last for a moment, and a page that polls all the time must not put every stop off.</summary>
    private async Task PollsEndAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (visits.Of(machine) is { GateIsClosed: true } here && OnlyPolls(here) && time.GetElapsedTime(began) < options.Value.ConsentGrace / 2)
        {
            await Task.Delay(Look, time, cancellationToken);
        }
    }

    private bool OnlyPolls(MachineVisits here) => here.Requests == here.Polls
        && (here.Polls > 0 || (here.PollAnswers > 0 && !IdleDecision.PollsLast(here, time.GetUtcNow(), options.Value)));

    private bool Objects(MachineId machine) =>
        visits.Of(machine) is { } here && IdleDecision.Objects(here, time.GetUtcNow(), options.Value);

    private static partial class Log
    {
        [LoggerMessage(6010, LogLevel.Debug, "Machine {Machine} is in use here: no consent to stop it in epoch {Epoch}", EventName = "StopObjected")]
        public static partial void StopObjected(ILogger logger, string machine, long epoch);

        [LoggerMessage(6011, LogLevel.Warning, "The session map did not take the consent to stop machine {Machine} in epoch {Epoch}", EventName = "ConsentNotSent")]
        public static partial void ConsentNotSent(ILogger logger, string machine, long epoch);
    }
}

/// <summary>The open sockets of a machine, and the answers that have begun, as idling needs them. The forwarder's room has them, and the simulation has its own.</summary>
internal interface ISocketsOfMachine
{
    /// <summary>
    /// Closes sockets with a Close frame that says the workspace went to sleep, and cuts answers; answers when the sockets have ended, at the latest after a few seconds.
    /// </summary>
    Task CloseAsync(MachineId machine, CancellationToken cancellationToken);
}
