using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Gateway.Identity;

/// <summary>
/// What the identity provider publishes about itself (endpoints, keys), read once for sign-ins and bearers alike. Kept while the provider is away;
/// read again when a token names a key not known.
/// </summary>
internal sealed partial class Provider : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private readonly HttpClient _client;
    private readonly IdentityOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<Provider> _logger;
    private readonly Lock _gate = new();
    private Task<OpenIdConnectConfiguration>? _reading;
    private OpenIdConnectConfiguration? _known;
    private long _failedAt;
    private int _failing;

    public Provider(IOptions<IdentityOptions> options, TimeProvider time, ILogger<Provider> logger)
    {
        _options = options.Value;
        _time = time;
        _logger = logger;
        // A redirect of the provider's metadata or token endpoint could lead anywhere, with our client secret.
        var transport = new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) };
        _client = new HttpClient(new OutageIsNoAnswer { InnerHandler = transport })
        {
            Timeout = _options.ProviderTimeout,
            MaxResponseContentBufferSize = 1024 * 1024,
        };
        Configuration = new ConfigurationManager<OpenIdConnectConfiguration>(
            _options.Authority.TrimEnd('/') + "/.well-known/openid-configuration",
            new OpenIdConnectConfigurationRetriever(),
            new HttpDocumentRetriever(_client) { RequireHttps = !_options.AllowHttpAuthority })
        {
            // Bounds how often forged key ids can make us ask.
            RefreshInterval = TimeSpan.FromSeconds(30),
        };
    }

    public ConfigurationManager<OpenIdConnectConfiguration> Configuration { get; }

    public HttpClient Client => _client;

    /// <summary>
    /// What is known of the provider, or null when it was never reached and does not answer now. Whether that is still so is for those who validate
    /// by it: they ask <see cref="Configuration"/>, which refreshes itself.
    /// </summary>
    public async ValueTask<OpenIdConnectConfiguration?> FindAsync()
    {
        if (Volatile.Read(ref _known) is { } known)
        {
            return known;
        }

        if (Volatile.Read(ref _failing) == 1 && _time.GetElapsedTime(Volatile.Read(ref _failedAt)) < Pause)
        {
            return null;
        }

        try
        {
            known = await ReadOnce().WaitAsync(_options.ProviderTimeout, _time);
            Volatile.Write(ref _failing, 0);
            Volatile.Write(ref _known, known);
            return known;
        }
        catch (Exception failure) when (failure is InvalidOperationException or IOException or HttpRequestException or TimeoutException or OperationCanceledException)
        {
            Volatile.Write(ref _failedAt, _time.GetTimestamp());
            if (Interlocked.Exchange(ref _failing, 1) == 0)
            {
                Log.ProviderUnreachable(_logger, failure.GetType().Name);
            }

            return null;
        }
    }

    /// <summary>Whether it answers at this moment; never throws.</summary>
    public async Task<bool> AnswersAsync()
    {
        try
        {
            using var answer = await _client.GetAsync(new Uri(Configuration.MetadataAddress), CancellationToken.None);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Whether a token that is not validated yet says that our provider issued it. Decides who judges it, never whether it is good.</summary>
    public bool IsIssuer(string issuer) =>
        SameIssuer(issuer, _options.Authority) || (Volatile.Read(ref _known) is { } known && SameIssuer(issuer, known.Issuer));

    /// <summary>Judges a token that the provider signed for this client, such as an identity token; whether it comes in time <paramref name="isInTime"/> decides.</summary>
    public Task<TokenValidationResult> ValidateAsync(string token, LifetimeValidator isInTime) =>
        new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ConfigurationManager = Configuration,
            ValidAudience = _options.ClientId,
            ValidAlgorithms = BearerSetup.Asymmetric,
            RequireSignedTokens = true,
            LifetimeValidator = isInTime,
        });

    public void Dispose() => _client.Dispose();

    // One reading for all who wait: queued behind each other, each would wait out the provider's silence anew.
    private Task<OpenIdConnectConfiguration> ReadOnce()
    {
        lock (_gate)
        {
            if (_reading is null or { IsCompleted: true })
            {
                _reading = Configuration.GetConfigurationAsync(CancellationToken.None);
            }

            return _reading;
        }
    }

    private static bool SameIssuer(string one, string other) => one.AsSpan().TrimEnd('/').SequenceEqual(other.AsSpan().TrimEnd('/'));

    /// <summary>A 5xx is an outage and not the provider's judgement of a code or a client, which the OpenID Connect handler would take it for.</summary>
    private sealed class OutageIsNoAnswer : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await AnswerAsync(request, cancellationToken);
            if ((int)response.StatusCode < 500)
            {
                return response;
            }

            response.Dispose();
            throw new HttpRequestException("The identity provider answered with a server error.", null, response.StatusCode);
        }

        private async Task<HttpResponseMessage> AnswerAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            try
            {
                return await base.SendAsync(request, cancellationToken);
            }
            catch (SocketException reset)
            {
                // Comes bare where a connection is reset the moment it is made: the client then asks the socket whom it is connected to.
                throw new HttpRequestException(HttpRequestError.ConnectionError, "The identity provider took no connection.", reset);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Warning, "The identity provider does not answer ({Failure}); sign-ins and unknown tokens wait for it", EventName = "ProviderUnreachable")]
        public static partial void ProviderUnreachable(ILogger logger, string failure);
    }
}
