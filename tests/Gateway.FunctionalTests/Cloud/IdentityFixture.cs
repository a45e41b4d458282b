using LocalCloud.Identity;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>A provider on a free port with a folder of its own, and a browser that has never been there.</summary>
internal sealed class IdentityFixture : IAsyncDisposable
{
    public const string Secret = "fake-secret-for-tests";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly string _folder = Directory.CreateTempSubdirectory("identity-").FullName;

    private IdentityFixture()
    {
    }

    public IdentityProvider Provider { get; private set; } = null!;

    public HttpClient Browser { get; private set; } = null!;

    public static async Task<IdentityFixture> StartAsync()
    {
        var fixture = new IdentityFixture();
        await fixture.StartProviderAsync();
        return fixture;
    }

    public async Task RestartAsync()
    {
        await Provider.DisposeAsync();
        await StartProviderAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Browser.Dispose();
        await Provider.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartProviderAsync()
    {
        Provider = await IdentityProvider.StartAsync(
            0, _folder,
            new IdentityClient("gateway", Secret, ["http://localhost:8080/"]),
            new IdentityClient("terminal", AllowPassword: true)).WaitAsync(Limit);
        Browser?.Dispose();
        Browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = true })
        {
            BaseAddress = Provider.Authority,
            Timeout = Limit,
        };
    }
}
