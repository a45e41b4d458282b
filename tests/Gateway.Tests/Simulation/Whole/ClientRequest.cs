using System.Security.Claims;
using Gateway.Identity;
using Microsoft.AspNetCore.Http;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>What somebody does with their workspace.</summary>
internal enum Habit
{
    Navigation,
    Read,
    Write,
    Upload,
    Download,
    Poll,
    TypingSocket,
    SilentSocket,

    /// <summary>A build or a log that goes on by itself.</summary>
    OutputSocket,

    /// <summary>A client that pings, and nothing else.</summary>
    PingSocket,

    /// <summary>A client that has gone away without a word. The gateway's own pings find that out.</summary>
    HalfOpenSocket,

    /// <summary>A page that polls by itself, signed in by cookie.</summary>
    BackgroundPoll,

    /// <summary>A program's long poll or event stream: the answer begins at once, and then nothing comes for hours.</summary>
    SilentStream,

    /// <summary>The event stream of a page, signed in by cookie: something passes all the time, and none of it is use.</summary>
    PageStream,
}

/// <summary>One request of one person, from being sent to having ended.</summary>
internal sealed class ClientRequest(int id, UserId user, Habit habit, TimeSpan lasts, long startedAt) : IDisposable
{
    private readonly CancellationTokenSource _left = new();

    public int Id => id;

    public UserId User => user;

    public Habit Habit => habit;

    /// <summary>How long the workspace takes over it, or the socket is open.</summary>
    public TimeSpan Lasts => lasts;

    public long StartedAt => startedAt;

    public bool IsSocket => habit is Habit.TypingSocket or Habit.SilentSocket or Habit.OutputSocket or Habit.PingSocket or Habit.HalfOpenSocket;

    /// <summary>An answer that begins at once and goes on for long.</summary>
    public bool IsStream => habit is Habit.SilentStream or Habit.PageStream;

    /// <summary>Neither that it is sent nor what comes back is use of the machine.</summary>
    public bool IsBackground => habit is Habit.BackgroundPoll or Habit.PageStream;

    /// <summary>Data passes on it, and each byte of that is use of the machine.</summary>
    public bool HasData => habit is Habit.TypingSocket or Habit.OutputSocket or Habit.Download;

    /// <summary>Carrying it out twice would do something twice.</summary>
    public bool IsUnsafe => habit is Habit.Write or Habit.Upload;

    /// <summary>How often a workspace took it.</summary>
    public int Arrivals { get; set; }

    /// <summary>The workspace that has it now.</summary>
    public Work? Work { get; set; }

    /// <summary>The status of the answer, 0 for none, and null while it goes on.</summary>
    public int? Status { get; private set; }

    public TaskCompletionSource<int> Ended { get; } = new();

    public CancellationToken Left => _left.Token;

    public void Leave() => _left.Cancel();

    public void Dispose() => _left.Dispose();

    public void End(int status)
    {
        if (Status is null)
        {
            Status = status;
            Ended.TrySetResult(status);
        }
    }

    public override string ToString() => $"{user} #{id} {habit}";

    public HttpContext NewContext()
    {
        var context = new DefaultHttpContext
        {
            User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(UserClaims.User, user.Value)], IsBackground ? IdentitySchemes.Cookie : "simulated")),
            RequestAborted = _left.Token,
        };
        var (request, headers) = (context.Request, context.Request.Headers);
        (request.Protocol, request.Scheme, request.Path) = ("HTTP/1.1", "http", "/");
        request.Method = habit switch
        {
            Habit.Write => "POST",
            Habit.Upload => "PUT",
            _ => "GET",
        };
        switch (habit)
        {
            case Habit.Navigation:
                (headers["Sec-Fetch-Mode"], headers["Sec-Fetch-Dest"]) = ("navigate", "document");
                break;
            case Habit.Poll or Habit.BackgroundPoll or Habit.PageStream:
                (headers["Sec-Fetch-Mode"], headers["Sec-Fetch-Dest"]) = ("cors", "empty");
                break;
            case var _ when IsSocket:
                (headers.Connection, headers.Upgrade) = ("Upgrade", "websocket");
                break;
        }

        context.Features.Set(this);
        context.Features.Set(new Caller(user, context.User, BySignIn: IsBackground, ByHeader: false));
        return context;
    }
}

/// <summary>A request or socket that a workspace has.</summary>
internal sealed class Work(ClientRequest request, MachineId machine, GatewayProcess gateway, long lastData)
{
    public ClientRequest Request => request;

    public MachineId Machine => machine;

    public GatewayProcess Gateway => gateway;

    /// <summary>When data last passed, in the world's ticks.</summary>
    public long LastData { get; set; } = lastData;

    public TaskCompletionSource<WorkEnd> Ended { get; } = new();

    public bool IsOver => Ended.Task.IsCompleted;
}

internal enum WorkEnd
{
    Answered,

    /// <summary>The machine went away under it.</summary>
    Cut,

    /// <summary>The gateway closed the socket, with a reason.</summary>
    Closed,

    ClientLeft,
}
