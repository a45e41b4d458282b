using Gateway.Identity.Operators;
using Gateway.Proxying;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Gateway.Operations;

/// <summary>
/// The operators' listener. Every connection it accepts is marked as it is accepted, so that a request's listener is a fact of its connection:
/// no <c>Host</c> header, port number or forwarded header has a say.
/// </summary>
internal sealed class OperationsListener(IOptions<OperationsOptions> options) : IConfigureOptions<KestrelServerOptions>
{
    private ListenOptions? _bound;

    /// <summary>The port bound, also when 0 was asked for. Null until the server has started.</summary>
    public int? Port => _bound?.IPEndPoint is { Port: > 0 } endPoint ? endPoint.Port : null;

    public static bool IsOperations(HttpContext context) => context.Features.Get<Mark>() is not null;

    public void Configure(KestrelServerOptions kestrel)
    {
        if (Listener.TryParse(Find()?.Listen, out var listener))
        {
            listener.Bind(kestrel, MarkConnections);
        }
    }

    // The server is made before the start-up validation runs, which lists the faults of all sections and not only ours: it must get there.
    private OperationsOptions? Find()
    {
        try
        {
            return options.Value;
        }
        catch (OptionsValidationException)
        {
            return null;
        }
    }

    private void MarkConnections(ListenOptions listen)
    {
        _bound = listen;
        // Cleartext, so HTTP/2 could not be negotiated beside HTTP/1.1 anyway.
        listen.Protocols = HttpProtocols.Http1;
        listen.Use(next => connection =>
        {
            connection.Features.Set(Mark.Instance);
            connection.Features.Set<IOperatorsDoor>(Mark.Instance);
            return next(connection);
        });
    }

    private sealed class Mark : IOperatorsDoor
    {
        public static readonly Mark Instance = new();
    }
}
